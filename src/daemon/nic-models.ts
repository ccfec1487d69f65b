// The NIC models that other_config:nic-NAME asks for: made, changed and taken away as the database says. Ports find
// them in the registry, as they find any card.

import { ModelNic } from '../../datapath/nic/model/model-nic.ts';
import type { NicProvider } from '../../datapath/nic/provider.ts';
import type { NicRegistry } from '../../datapath/nic/registry.ts';
import { UserError } from '../../lib/errors.ts';
import { logger } from '../../lib/log.ts';

const log = logger('nic');
const PREFIX = 'nic-';

export class NicModels {
  readonly registry: NicRegistry;
  readonly #rundir: string;
  readonly #models = new Map<string, ModelNic>();
  /** What is wrong with a line, by the name of its card: a card that is there stays as it was. */
  readonly #problems = new Map<string, string>();

  constructor(registry: NicRegistry, rundir: string) {
    this.registry = registry;
    this.#rundir = rundir;
  }

  /** Resolves when every card is what the settings say, or it is known why not. */
  async configure(otherConfig: Readonly<Record<string, string>>): Promise<void> {
    const wanted = new Map(
      Object.entries(otherConfig)
        .filter(([key]) => key.startsWith(PREFIX))
        .map(([key, text]) => [key.slice(PREFIX.length), text]),
    );
    for (const name of [...this.#problems.keys()]) if (!wanted.has(name)) this.#problems.delete(name);
    for (const [name, model] of [...this.#models]) if (!wanted.has(name)) await this.#remove(name, model);
    for (const [name, text] of wanted) await this.#apply(name, text);
  }

  /** `nic/show`: all cards, or the one of that name. */
  async show(name: string | undefined): Promise<string> {
    const cards = this.registry.list().filter((card) => name === undefined || card.name === name);
    const problems = [...this.#problems].filter(([of]) => name === undefined || of === name);
    if (name !== undefined && cards.length === 0 && problems.length === 0) throw new UserError(`no NIC named ${name}`);
    const texts = await Promise.all(cards.map((card: NicProvider) => card.describe()));
    return [...texts, ...problems.map(([of, problem]) => `${of}: error: ${problem}`)].join('\n');
  }

  /** Test hook: the card's thread ends at once. */
  async kill(name: string): Promise<void> {
    const model = this.#models.get(name);
    if (!model) throw new UserError(`no NIC model named ${name}`);
    await model.card.kill();
  }

  async close(): Promise<void> {
    for (const [name, model] of [...this.#models]) await this.#remove(name, model);
  }

  async #apply(name: string, text: string): Promise<void> {
    try {
      const known = this.#models.get(name);
      if (known) await known.configure(text);
      else this.#add(name, text);
      this.#problems.delete(name);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      if (this.#problems.get(name) !== error.message) log.err(`${PREFIX}${name}: ${error.message}`);
      this.#problems.set(name, error.message);
    }
  }

  #add(name: string, text: string): void {
    const model = new ModelNic(name, text, this.#rundir);
    this.#models.set(name, model);
    this.registry.add(model);
  }

  async #remove(name: string, model: ModelNic): Promise<void> {
    this.#models.delete(name);
    this.registry.remove(model);
    await model.close();
  }
}
