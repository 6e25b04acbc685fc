// Ends a program when the process that started it is gone, however that went: the pipe to its input is closed then.
process.stdin.on("end", () => process.exit(0)).resume();
