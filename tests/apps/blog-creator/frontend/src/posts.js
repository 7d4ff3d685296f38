// Reads posts: Markdown with a title line, turned into safe HTML.
import { Marked } from "marked";

const ESCAPES = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
const SAFE_LINK = /^(https?:|mailto:|\/(?!\/)|#)/i;

/** Text made safe for HTML, in elements and in quoted attributes. */
export function escapeHtml(text) {
  return text.replace(/[&<>"']/g, (character) => ESCAPES[character]);
}

// HTML inside a post is shown, not run, and links go to the web or to this site.
const markdown = new Marked({
  renderer: {
    html: ({ text }) => escapeHtml(text),
    image: ({ text }) => escapeHtml(text),
    link({ href, tokens }) {
      const text = this.parser.parseInline(tokens);
      return SAFE_LINK.test(href) ? `<a href="${escapeHtml(href)}">${text}</a>` : text;
    },
  },
});

/** A post from its file's name and text; the first line is `# Title`. */
export function parsePost(fileName, text) {
  const [firstLine, ...rest] = text.split(/\r?\n/);
  const title = /^#\s+(.*\S)\s*$/.exec(firstLine)?.[1];
  if (!title) {
    throw new Error(`${fileName}: the first line is not \`# Title\``);
  }
  return {
    name: fileName.replace(/\.md$/, ""),
    title,
    html: markdown.parse(rest.join("\n").trim()).trim(),
  };
}
