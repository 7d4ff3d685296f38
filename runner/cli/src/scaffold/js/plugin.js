// Fails when a file has too few lines.
import { get } from "sealock:step/inputs@0.1.0";
import { annotate, emit } from "sealock:step/log@0.1.0";
import { set } from "sealock:step/outputs@0.1.0";
import { getDirectories } from "wasi:filesystem/preopens@0.2.6";
import { handle } from "wasi:http/outgoing-handler@0.2.6";
import { Fields, OutgoingRequest } from "wasi:http/types@0.2.6";

// Most bytes of a file that are read.
const FILE_BYTES_MAX = 16n << 20n;

// What the host calls.
export const step = {
  run() {
    const [file, minimum, url] = [given("file"), given("minimum", 1n), given("tell")];
    const lines = read(file).split("\n").filter((line, at, all) => line !== "" || at < all.length - 1).length;
    set("lines", { tag: "integer", val: BigInt(lines) });
    if (url) tell(url);
    if (BigInt(lines) >= minimum) return { tag: "success" };
    annotate({ level: "error", message: "too few lines", place: { file, line: 1 } });
    return { tag: "failed", val: `found ${lines} lines, expected ${minimum}` };
  },
};

// An input's value, or what it is when it was not given.
function given(name, otherwise) {
  return get(name)?.val ?? otherwise;
}

// A file of the workspace.
function read(path) {
  const [workspace] = getDirectories().find(([, name]) => name === "/workspace");
  const opened = workspace.openAt({ symlinkFollow: true }, path, {}, { read: true });
  const [bytes] = opened.read(FILE_BYTES_MAX, 0n);
  return new TextDecoder().decode(bytes);
}

// The count is worth telling and not worth failing for: a denied call is a warning.
function tell(url) {
  try {
    emit("info", `told ${url}: ${post(url)}`);
  } catch (error) {
    const code = error.payload?.tag ?? String(error);
    emit("warning", `not told: ${url}: ${code === "HTTP-request-denied" ? "it is not granted" : code}`);
  }
}

// The answer's status.
function post(url) {
  const [, scheme, authority, path] = /^(https?):\/\/([^/]+)(.*)$/.exec(url);
  const request = new OutgoingRequest(new Fields());
  request.setMethod({ tag: "post" });
  request.setScheme({ tag: scheme.toUpperCase() });
  request.setAuthority(authority);
  request.setPathWithQuery(path || "/");
  const future = handle(request, undefined);
  future.subscribe().block();
  const answer = future.get().val;
  if (answer.tag === "err") throw { payload: answer.val };
  return answer.val.status();
}
