// `npm start`: serves dist/ on PORT, until it is asked to stop.
import { createServer } from "node:http";
import path from "node:path";

import { createHandler } from "./src/handler.js";

const port = Number(process.env.PORT || 3000);
const server = createServer(createHandler(path.join(import.meta.dirname, "dist")));

for (const signal of ["SIGTERM", "SIGINT"]) {
  process.once(signal, () => {
    server.close(() => process.exit(0));
    server.closeIdleConnections();
  });
}
server.listen(port, "0.0.0.0", () => console.log(`listening on ${port}`));
