import { createReadStream } from 'node:fs';
import { appendFile, mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { DetectorDescription, InputResult } from '../detection/protocol.ts';
import type { WorkItem } from '../inputs/workItem.ts';
import { writeWhole } from './atomicFile.ts';
import type { Output } from './output.ts';
import { writeStandardOutput } from './standardOutput.ts';
import { writeStudyReport, type CountedInstance } from './studyReport.ts';

export interface ReportIdentity {
  readonly deviceUid: string;
  readonly softwareVersion: string;
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
    private readonly onNote: (note: string) => void,
  ) {}

  static async open(folder: string, description: DetectorDescription, identity: ReportIdentity, { resume, onNote }: { resume: boolean; onNote: (note: string) => void }): Promise<ReportOutput> {
    await mkdir(folder, { recursive: true });
    const done = resume ? (await readdir(folder)).filter((name) => name.endsWith('.dcm')).map((name) => name.slice(0, -4)) : [];
    return new ReportOutput(folder, await mkdtemp(join(folder, '.waiting-')), new Set(done), description, identity, onNote);
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

  async finish(): Promise<void> {
    try {
      for (const study of this.studies) {
        const instances: CountedInstance[] = [];
        for await (const line of createInterface({ input: createReadStream(this.waitingFile(study)) })) instances.push(JSON.parse(line) as CountedInstance);
        const path = join(this.folder, `${study}.dcm`);
        await writeWhole(path, await writeStudyReport(instances, this.description, { now: new Date(), ...this.identity }));
        if (this.incomplete.has(study)) this.onNote(`${path}: without the images that could not be counted`);
        await writeStandardOutput(`${path}\n`);
      }
    } finally {
      await this.abandon();
    }
  }

  async abandon(): Promise<void> {
    await rm(this.waiting, { recursive: true, force: true });
  }

  private waitingFile(study: string): string {
    return join(this.waiting, study.replace(/[^\w.]/g, '_'));
  }
}
