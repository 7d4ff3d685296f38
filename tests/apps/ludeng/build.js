'use strict';

// node build.js RELEASE: puts the release together in dist/.

const fs = require('node:fs');
const path = require('node:path');

const release = process.argv[2];
if (!/^[\w.-]{1,64}$/.test(release ?? '')) {
  console.error('expected: node build.js RELEASE');
  process.exit(2);
}
const at = (...parts) => path.join(__dirname, ...parts);
fs.rmSync(at('dist'), { recursive: true, force: true });
for (const file of ['backend/server.js', 'backend/scenes.js', 'backend/fault.txt', 'frontend/style.css', 'nginx/ludeng.conf']) {
  fs.mkdirSync(path.dirname(at('dist', file)), { recursive: true });
  fs.copyFileSync(at(file), at('dist', file));
}
const page = fs.readFileSync(at('frontend/index.html'), 'utf8').replaceAll('@RELEASE@', release);
fs.writeFileSync(at('dist/frontend/index.html'), page);
fs.writeFileSync(at('dist/RELEASE'), `${release}\n`);
