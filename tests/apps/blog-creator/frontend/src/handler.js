// Answers requests with the files of a built site.
import { readFile } from "node:fs/promises";
import path from "node:path";

const TYPES = {
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json",
};

/** A request handler for the site in `root`. */
export function createHandler(root) {
  return async (request, response) => {
    const send = (status, type, body) => {
      response.writeHead(status, { "content-type": type, "x-content-type-options": "nosniff" });
      response.end(request.method === "HEAD" ? undefined : body);
    };
    if (request.method !== "GET" && request.method !== "HEAD") {
      return send(405, "text/plain; charset=utf-8", "only GET and HEAD\n");
    }
    const [pathname] = request.url.split("?");
    if (pathname === "/healthz") {
      return send(200, "application/json", '{"status":"healthy"}\n');
    }
    const file = fileFor(root, pathname);
    const body = file && (await readOrNothing(file));
    if (!body) {
      return send(404, "text/plain; charset=utf-8", "not found\n");
    }
    return send(200, TYPES[path.extname(file)], body);
  };
}

/** The file that `pathname` names inside `root`; nothing for what is outside or of no known type. */
export function fileFor(root, pathname) {
  let decoded;
  try {
    decoded = decodeURIComponent(pathname);
  } catch {
    return undefined;
  }
  const file = path.join(root, decoded.endsWith("/") ? `${decoded}index.html` : decoded);
  const isInside = file.startsWith(path.resolve(root) + path.sep);
  const isServed = path.extname(file) in TYPES && !decoded.includes("\0");
  return isInside && isServed ? file : undefined;
}

async function readOrNothing(file) {
  try {
    return await readFile(file);
  } catch (error) {
    if (["ENOENT", "EISDIR", "ENOTDIR"].includes(error.code)) {
      return undefined;
    }
    throw error;
  }
}
