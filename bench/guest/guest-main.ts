// Entry of the generator process: virtio guests that produce and absorb traffic through vhost-user ports.
// Commands come on stdin, one word a line; events go to stdout, one JSON object a line.

import { rmSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { UserError } from '../../lib/errors.ts';
import { pinProcess } from './affinity.ts';
import { Generator } from './generator.ts';
import { type GeneratorOptions, parseGeneratorOptions, USAGE } from './options.ts';

function report(event: string, fields: Record<string, unknown>): void {
  process.stdout.write(`${JSON.stringify({ event, ...fields })}\n`);
}

function obey(generator: Generator, word: string): void {
  const commands: Record<string, () => void> = {
    start: () => generator.start(),
    stop: () => generator.stop(),
    stats: () => generator.stats(),
    announce: () => generator.announce(),
    'first-packets': () => generator.firstPackets(),
    quit: () => generator.quit(),
  };
  const command = commands[word];
  if (command) command();
  else report('error', { message: `unknown command ${word}: expected ${Object.keys(commands).join(', ')}` });
}

async function drive(options: GeneratorOptions): Promise<void> {
  const generator = await Generator.create(options, report);
  const quit = () => generator.quit();
  process.once('SIGTERM', quit).once('SIGINT', quit);
  try {
    await generator.attach();
    if (options.durationMs === undefined) {
      const lines = createInterface({ input: process.stdin });
      lines.on('line', (line) => obey(generator, line.trim())).on('close', quit);
    }
    await generator.run();
  } finally {
    generator.close();
    for (const guest of options.guests) if (guest.listen) rmSync(guest.path, { force: true });
  }
}

async function main(): Promise<number> {
  if (process.argv.includes('--help')) {
    process.stdout.write(`${USAGE}\n`);
    return 0;
  }
  try {
    const options = parseGeneratorOptions(process.argv.slice(2));
    if (options.core !== undefined) pinProcess(options.core);
    await drive(options);
    return 0;
  } catch (error) {
    const text = error instanceof UserError ? error.message : ((error as Error).stack ?? String(error));
    report('error', { message: text });
    return 1;
  }
}

process.exit(await main());
