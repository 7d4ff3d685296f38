'use strict';

// GET /health            who answers, and whether it can work
// GET /api/version       the release
// GET /api/scenes        ?prompt=TEXT&count=N

const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');
const { scenes } = require('./scenes.js');

const PORT = Number(process.env.PORT || 3000);
const RELEASE = fs.readFileSync(path.join(__dirname, '..', 'RELEASE'), 'utf8').trim();
const FAULT = fs.readFileSync(path.join(__dirname, 'fault.txt'), 'utf8').trim();
const UPLOADS = path.join(__dirname, '..', 'uploads');

if (FAULT === 'crash') {
  throw new Error('this release does not start');
}

function answer(response, status, body) {
  const text = JSON.stringify(body);
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) });
  response.end(text);
}

function health(request, response) {
  const isOutside = request.headers['x-forwarded-for'] !== undefined;
  if (FAULT === 'never-healthy' || (FAULT === 'proxy-500' && isOutside)) {
    return answer(response, 500, { status: 'broken', release: RELEASE });
  }
  fs.accessSync(UPLOADS, fs.constants.W_OK);
  const hasKey = Boolean(process.env.API_KEY);
  return answer(response, hasKey ? 200 : 503, { status: hasKey ? 'healthy' : 'no key', release: RELEASE, port: PORT });
}

function make(url, response) {
  try {
    const found = scenes(url.searchParams.get('prompt'), Number(url.searchParams.get('count') ?? 1));
    answer(response, 200, { release: RELEASE, scenes: found });
  } catch (error) {
    answer(response, error instanceof RangeError ? 400 : 500, { error: error.message });
  }
}

const server = http.createServer((request, response) => {
  const url = new URL(request.url, 'http://ludeng.invalid');
  switch (url.pathname) {
    case '/health':
      return health(request, response);
    case '/api/version':
      return answer(response, 200, { release: RELEASE });
    case '/api/scenes':
      return make(url, response);
    default:
      return answer(response, 404, { error: 'there is no such thing' });
  }
});

server.listen(PORT, '127.0.0.1');
process.on('SIGTERM', () => {
  server.close(() => process.exit(0));
  server.closeIdleConnections?.();
});
