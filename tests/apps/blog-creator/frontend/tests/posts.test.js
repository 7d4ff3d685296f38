import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { indexBody, page, postBody } from "../src/pages.js";
import { escapeHtml, parsePost } from "../src/posts.js";

describe("a post", () => {
  test("has a title, a name, and HTML", () => {
    const post = parsePost("hello.md", "# Hello  \r\n\r\nSome **bold** text.");
    assert.deepEqual(post, { name: "hello", title: "Hello", html: "<p>Some <strong>bold</strong> text.</p>" });
  });

  test("without a title is refused by its file's name", () => {
    assert.throws(() => parsePost("bad.md", "no heading"), /bad\.md/);
  });

  for (const [name, text, forbidden] of [
    ["a script", "<script>alert(1)</script>", "<script"],
    ["an inline tag", "a <img src=x onerror=alert(1)> b", "<img"],
    ["a script link", "[x](javascript:alert(1))", "href"],
    ["a link that leaves by //", "[x](//evil.example)", "href"],
    ["a quote in an image", '![" onerror="alert(1)](x)', '" onerror="'],
  ]) {
    test(`shows ${name} and does not run it`, () => {
      assert.ok(!parsePost("p.md", `# T\n${text}`).html.includes(forbidden));
    });
  }

  test("keeps links to the web", () => {
    const { html } = parsePost("p.md", "# T\n[*here*](https://example.com/?a=1&b=2)");
    assert.equal(html, '<p><a href="https://example.com/?a=1&amp;b=2"><em>here</em></a></p>');
  });
});

describe("a page", () => {
  test("says its release, escaped", () => {
    const html = page({ title: "T", release: '"><b>', body: "" });
    assert.match(html, /<meta name="release" content="&quot;&gt;&lt;b&gt;">/);
  });

  test("lists posts and shows one", () => {
    const post = { name: "a", title: "A & B", html: "<p>x</p>" };
    assert.match(indexBody([post]), /<li><a href="\/posts\/a\.html">A &amp; B<\/a><\/li>/);
    assert.match(postBody(post), /<h1>A &amp; B<\/h1>\n<p>x<\/p>/);
  });

  test("escapes all five characters", () => {
    assert.equal(escapeHtml(`&<>"'`), "&amp;&lt;&gt;&quot;&#39;");
  });
});
