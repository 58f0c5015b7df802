// Where koffi sees the fields of wxsub_result that are named in the command line.
import koffi from 'koffi';
import { RESULT } from './wxsub.mjs';

console.log(`size ${koffi.sizeof(RESULT)}`);
for (const name of process.argv.slice(2)) {
  console.log(`field ${name} ${koffi.offsetof(RESULT, name)} ${koffi.type(RESULT).members[name].type.size}`);
}
