// Starts one service of emulate, by the package's own function for that. It would listen on every interface, at a port
// that it is told; here it listens on loopback, at one that is free.
const { Server } = require("node:net");

const [program, service, seed] = process.argv.slice(2);
const listen = Server.prototype.listen;
Server.prototype.listen = function () {
  return listen.call(this, 0, "127.0.0.1", () => console.log(`listening on http://127.0.0.1:${this.address().port}`));
};
import(program).then(({ createEmulator }) => createEmulator({ service, seed: JSON.parse(seed) }));
