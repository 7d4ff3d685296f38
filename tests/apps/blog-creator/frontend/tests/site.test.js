import assert from "node:assert/strict";
import { createServer, request } from "node:http";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, describe, test } from "node:test";

import { createHandler, fileFor } from "../src/handler.js";
import { buildSite } from "../src/site.js";

const project = path.join(import.meta.dirname, "..");

describe("the built site, served", () => {
  let root;
  let server;
  let address;

  before(async () => {
    root = await mkdtemp(path.join(tmpdir(), "blog-site-"));
    const output = path.join(root, "dist");
    await buildSite({
      content: path.join(project, "content"),
      assets: path.join(project, "public"),
      output,
      release: "r-7",
    });
    await writeFile(path.join(root, "outside.json"), "secret");
    server = createServer(createHandler(output));
    await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
    address = `http://127.0.0.1:${server.address().port}`;
  });

  after(async () => {
    server.close();
    await rm(root, { recursive: true });
  });

  test("shows its name, its posts, and its release", async () => {
    const response = await fetch(`${address}/`);
    const html = await response.text();
    assert.equal(response.status, 200);
    assert.equal(response.headers.get("content-type"), "text/html; charset=utf-8");
    assert.match(html, /<h1>Blog Creator<\/h1>/);
    assert.match(html, /<span id="release">r-7<\/span>/);
    assert.match(html, /href="\/posts\/hello\.html"/);
  });

  test("serves each post and the release as JSON", async () => {
    assert.match(await (await fetch(`${address}/posts/hello.html`)).text(), /<strong>first post<\/strong>/);
    assert.deepEqual(await (await fetch(`${address}/release.json`)).json(), { release: "r-7" });
  });

  test("is healthy", async () => {
    assert.deepEqual(await (await fetch(`${address}/healthz`)).json(), { status: "healthy" });
  });

  test("answers HEAD without a body", async () => {
    const response = await fetch(`${address}/`, { method: "HEAD" });
    assert.equal(response.status, 200);
    assert.equal(await response.text(), "");
  });

  for (const name of ["/none.html", "/posts", "/..%2foutside.json", "/%00.html", "/%zz", "/style.css/x.html"]) {
    test(`does not find ${name}`, async () => {
      assert.equal((await fetch(address + name)).status, 404);
    });
  }

  for (const target of ["//", "//?", "*", "http://[", "/?x=1"]) {
    test(`survives the request target ${target}`, async () => {
      const { port } = server.address();
      const response = await new Promise((resolve, reject) => {
        request({ host: "127.0.0.1", port, path: target }, resolve).on("error", reject).end();
      });
      response.resume();
      assert.equal(response.statusCode, ["*", "http://["].includes(target) ? 404 : 200);
    });
  }

  test("refuses to be written to", async () => {
    assert.equal((await fetch(`${address}/`, { method: "POST" })).status, 405);
  });
});

test("a path that climbs out names no file", () => {
  assert.equal(fileFor("/site", "/../site-other/x.html"), undefined);
  assert.equal(fileFor("/site", "/a/../b.html"), path.join("/site", "b.html"));
});
