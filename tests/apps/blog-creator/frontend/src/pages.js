// The pages, as text.
import { escapeHtml } from "./posts.js";

/** The page around `body`, which says the release it was built as. */
export function page({ title, release, body }) {
  const shownRelease = escapeHtml(release);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="release" content="${shownRelease}">
<title>${escapeHtml(title)}</title>
<link rel="stylesheet" href="/style.css">
</head>
<body>
<header><a href="/">Blog Creator</a></header>
<main>
${body}
</main>
<footer>Release <span id="release">${shownRelease}</span> · API <span id="api">…</span></footer>
<script src="/version.js"></script>
</body>
</html>
`;
}

/** The list of posts. */
export function indexBody(posts) {
  const items = posts.map(({ name, title }) => `<li><a href="/posts/${name}.html">${escapeHtml(title)}</a></li>`);
  return `<h1>Blog Creator</h1>\n<ul>\n${items.join("\n")}\n</ul>`;
}

/** One post. */
export function postBody({ title, html }) {
  return `<article>\n<h1>${escapeHtml(title)}</h1>\n${html}\n</article>`;
}
