// `npm run build`: makes dist/ for the release that the environment names.
import path from "node:path";

import { buildSite } from "./src/site.js";

const here = import.meta.dirname;
const release = process.env.RELEASE || "development";
const posts = await buildSite({
  content: path.join(here, "content"),
  assets: path.join(here, "public"),
  output: path.join(here, "dist"),
  release,
});
console.log(`built ${posts.length} posts as release ${release}`);
