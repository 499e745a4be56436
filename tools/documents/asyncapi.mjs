// Checks AsyncAPI documents, the Avro schemas and examples in them included: node asyncapi.mjs FILE...
// Exits with 1 when one has an error or a warning.
import { readFile } from 'node:fs/promises';
import { Parser } from '@asyncapi/parser';
import { AvroSchemaParser } from '@asyncapi/avro-schema-parser';

const ERROR = 0;
const WARNING = 1;

let failed = false;
for (const file of process.argv.slice(2)) {
  const parser = new Parser();
  parser.registerSchemaParser(AvroSchemaParser());
  const { document, diagnostics } = await parser.parse(await readFile(file, 'utf8'), { source: file });
  const found = diagnostics.filter((d) => d.severity === ERROR || d.severity === WARNING);
  for (const d of found) {
    console.error(`${file}:${d.range.start.line + 1}: ${d.code}: ${d.message} (${d.path.join('/')})`);
  }
  if (!document || found.length > 0) {
    failed = true;
    continue;
  }
  console.log(`${file}: valid, ${document.allChannels().length} channels, ${document.allMessages().length} messages`);
}
process.exit(failed ? 1 : 0);
