// Builds the site: content and public files in, one folder of finished files out.
import { cp, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";

import { indexBody, page, postBody } from "./pages.js";
import { parsePost } from "./posts.js";

/** Writes the whole site into `output`, which is emptied first; answers with the posts. */
export async function buildSite({ content, assets, output, release }) {
  const posts = await readPosts(content);
  await rm(output, { recursive: true, force: true });
  await cp(assets, output, { recursive: true });
  await mkdir(path.join(output, "posts"), { recursive: true });

  const write = (name, title, body) => writeFile(path.join(output, name), page({ title, release, body }));
  await write("index.html", "Blog Creator", indexBody(posts));
  for (const post of posts) {
    await write(`posts/${post.name}.html`, post.title, postBody(post));
  }
  await writeFile(path.join(output, "release.json"), `${JSON.stringify({ release })}\n`);
  return posts;
}

async function readPosts(folder) {
  const names = (await readdir(folder)).filter((name) => name.endsWith(".md")).sort();
  return Promise.all(names.map(async (name) => parsePost(name, await readFile(path.join(folder, name), "utf8"))));
}
