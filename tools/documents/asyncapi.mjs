// Checks AsyncAPI documents, and the Avro schemas and examples in them: node asyncapi.mjs FILE...
// Exits with 1 when one has an error or a warning.
import { readFile } from 'node:fs/promises';
import { Parser } from '@asyncapi/parser';
import avro from 'avsc';

const ERROR = 0;
const WARNING = 1;

async function problems(file) {
  const text = await readFile(file, 'utf8');
  const { document, diagnostics } = await new Parser().parse(text, { source: file });
  const found = diagnostics
    .filter((d) => d.severity === ERROR || d.severity === WARNING)
    .map((d) => `line ${d.range.start.line + 1}: ${d.code}: ${d.message} (${d.path.join('/')})`);
  if (!document && found.length === 0) {
    found.push('it could not be read');
  }
  for (const [name, message] of Object.entries(JSON.parse(text).components.messages)) {
    found.push(...avroProblems(message).map((problem) => `components/messages/${name}: ${problem}`));
  }
  return { found, document };
}

// The parser takes a payload in a format other than its own as it comes.
function avroProblems({ payload, examples = [] }) {
  if (!payload.schemaFormat?.startsWith('application/vnd.apache.avro')) {
    return [];
  }
  try {
    const type = avro.Type.forSchema(payload.schema, { wrapUnions: false });
    return examples.filter((e) => !type.isValid(e.payload, { noUndeclaredFields: true })).map((e) => `the example ${e.name} does not fit the schema`);
  } catch (error) {
    return [error.message];
  }
}

let failed = false;
for (const file of process.argv.slice(2)) {
  const { found, document } = await problems(file);
  if (found.length > 0) {
    failed = true;
    console.error(found.map((problem) => `${file}: ${problem}`).join('\n'));
  } else {
    console.log(`${file}: valid, ${document.allChannels().length} channels, ${document.allMessages().length} messages`);
  }
}
process.exit(failed ? 1 : 0);
