// Runs the example while a timer watches how long the event loop stands still.
let before = performance.now();
let longest = 0;
let ticks = 0;
const timer = setInterval(() => {
  longest = Math.max(longest, performance.now() - before);
  before = performance.now();
  ticks++;
}, 5);
const began = performance.now();
await import('./main.mjs');
clearInterval(timer);
console.log(`longest stall ${longest.toFixed(0)} ms of ${(before - began).toFixed(0)} ms, ${ticks} ticks`);
// A send takes 1500 ms here; one that blocked would be one stall of that length.
if (longest > 1000 || ticks < 20 || performance.now() - began < 1500) process.exitCode = 1;
