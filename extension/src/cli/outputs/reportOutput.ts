import { createReadStream } from 'node:fs';
import { appendFile, mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { DetectorDescription, InputResult } from '../detection/protocol.ts';
import type { WorkItem } from '../inputs/workItem.ts';
import { writeWhole } from './atomicFile.ts';
import type { Output } from './output.ts';
import { writeStandardOutput } from './standardOutput.ts';
import { storeReport, type StoreTarget } from './storeReport.ts';
import { writeStudyReport, type CountedInstance } from './studyReport.ts';

export interface ReportIdentity {
  readonly deviceUid: string;
  readonly softwareVersion: string;
}

export interface ReportOptions {
  readonly resume: boolean;
  /** Archive that gets each report as well. */
  readonly store?: StoreTarget;
  readonly onNote: (note: string) => void;
}

/**
 * One SR a study, `<StudyInstanceUID>.dcm`, written when the list is through: the images of a study may be scattered
 * over it. Until then the counts wait in a hidden folder beside the reports, so that memory does not grow with them.
 */
export class ReportOutput implements Output {
  private readonly studies = new Set<string>();
  /** Studies with a failed image: a report would call the rest the whole. */
  private readonly incomplete = new Set<string>();

  private constructor(
    private readonly folder: string,
    private readonly waiting: string,
    private readonly done: ReadonlySet<string>,
    private readonly description: DetectorDescription,
    private readonly identity: ReportIdentity,
    private readonly options: ReportOptions,
  ) {}

  static async open(folder: string, description: DetectorDescription, identity: ReportIdentity, options: ReportOptions): Promise<ReportOutput> {
    await mkdir(folder, { recursive: true });
    const done = options.resume ? (await readdir(folder)).filter((name) => name.endsWith('.dcm')).map((name) => name.slice(0, -4)) : [];
    return new ReportOutput(folder, await mkdtemp(join(folder, '.waiting-')), new Set(done), description, identity, options);
  }

  isDone({ key }: Pick<WorkItem, 'key'>): boolean {
    return this.done.has(key);
  }

  async accept(item: WorkItem, { frames, failures, attributes }: InputResult): Promise<void> {
    const study = String(attributes?.StudyInstanceUID ?? item.key);
    if (failures.length > 0) this.incomplete.add(study);
    if (!attributes || frames.length === 0) return;
    this.studies.add(study);
    const instance: CountedInstance = { attributes, frames };
    await appendFile(this.waitingFile(study), `${JSON.stringify(instance)}\n`, { mode: 0o600 });
  }

  async finish(): Promise<number> {
    let numNotStored = 0;
    try {
      for (const study of this.studies) {
        const instances: CountedInstance[] = [];
        for await (const line of createInterface({ input: createReadStream(this.waitingFile(study)) })) instances.push(JSON.parse(line) as CountedInstance);
        const path = join(this.folder, `${study}.dcm`);
        const { file, sopInstanceUid } = await writeStudyReport(instances, this.description, { now: new Date(), ...this.identity });
        await writeWhole(path, file);
        if (this.incomplete.has(study)) this.options.onNote(`${path}: without the images that could not be counted`);
        await writeStandardOutput(`${path}\n`);
        if (this.options.store && !await this.store(path, file, sopInstanceUid, this.options.store)) numNotStored++;
      }
    } finally {
      await this.abandon();
    }
    return numNotStored;
  }

  async abandon(): Promise<void> {
    await rm(this.waiting, { recursive: true, force: true });
  }

  private async store(path: string, file: Uint8Array, sopInstanceUid: string, target: StoreTarget): Promise<boolean> {
    const { saved, text } = await storeReport(file, sopInstanceUid, target);
    if (!saved) this.options.onNote(`${path}: not stored at ${target.url}: ${text}`);
    return saved;
  }

  private waitingFile(study: string): string {
    return join(this.waiting, study.replace(/[^\w.]/g, '_'));
  }
}
