import fc from 'fast-check';
import { liveChromosomes } from '../../extension/src/casework/index.ts';
import { encodeReport, readReport, writeReport } from '../../extension/src/report/index.ts';
import { ATTRIBUTES } from '../../extension/src/report/encodeReport.ts';
import { dcmjs, decodeWithDcmjs, encodeWithDcmjs } from './dicomCodec.ts';
import { CONTEXT, reportCase } from './reportCase.ts';

// Encoding and decoding through dcmjs takes seconds on a busy machine.
jest.setTimeout(120_000);

const options = fc.record({
  seed: fc.integer({ min: 1, max: 1e6 }),
  numCells: fc.integer({ min: 1, max: 6 }),
  chromosomesPerCell: fc.integer({ min: 2, max: 9 }),
  multiFrame: fc.boolean(),
  progress: fc.constantFrom('ai' as const, 'reviewed' as const, 'checked' as const, 'mixed' as const),
});

describe('a case written and read again', () => {
  it('is the same case: states, edits, ghosts, exclusions, presets, second reading, log', async () => {
    await fc.assert(
      fc.asyncProperty(options, async (chosen) => {
        const state = reportCase(chosen);
        const file = await encodeReport(await writeReport(state, CONTEXT));
        const report = await readReport(decodeWithDcmjs(file), { studyInstanceUID: state.studyInstanceUID });
        expect(report.warnings).toEqual([]);
        expect(report.origin).toBe('chromosome-count');
        expect(report.state).toEqual(state);
      }),
      { numRuns: 20 },
    );
  });

  it('comes back from dcmjs\'s own encoder as well, which the host uses for a dataset', async () => {
    const state = reportCase({ numCells: 5, multiFrame: true });
    const dataset = await writeReport(state, CONTEXT);
    const report = await readReport(decodeWithDcmjs(encodeWithDcmjs(dataset)));
    expect(report.state).toEqual(state);
  });

  it('comes back from the dataset itself, before any encoder has seen it', async () => {
    const state = reportCase({ numCells: 5 });
    expect((await readReport(await writeReport(state, CONTEXT))).state).toEqual(state);
  });

  it('shows every live box on its own frame to 0.01 px, and no ghost', async () => {
    const state = reportCase({ numCells: 6, multiFrame: true, seed: 7 });
    const { boxes } = await readReport(decodeWithDcmjs(await encodeReport(await writeReport(state, CONTEXT))));
    const expected = state.cells.flatMap((cell) => liveChromosomes(cell).map((chromosome) => ({ cell, chromosome })));
    expect(expected.length).toBeGreaterThan(10);
    expect(boxes).toHaveLength(expected.length);
    expected.forEach(({ cell, chromosome }, index) => {
      expect(boxes[index].frameNumber).toBe(cell.imageRef.frameNumber);
      expect(boxes[index].sopInstanceUID).toBe(cell.imageRef.sopInstanceUID);
      chromosome.box.forEach((edge, side) => expect(Math.abs(boxes[index].box[side] - edge)).toBeLessThan(0.01));
    });
  });

  it('keeps two stored generations apart: the second names the first and the first is unchanged', async () => {
    const first = await writeReport(reportCase({ progress: 'reviewed' }), CONTEXT);
    const before = JSON.stringify(first);
    const second = await writeReport(reportCase({ progress: 'checked' }), {
      ...CONTEXT,
      predecessor: {
        studyInstanceUID: String(first.StudyInstanceUID),
        seriesInstanceUID: String(first.SeriesInstanceUID),
        sopClassUID: String(first.SOPClassUID),
        sopInstanceUID: String(first.SOPInstanceUID),
      },
    });
    const { document } = await readReport(decodeWithDcmjs(await encodeReport(second)));
    expect(document.predecessorSOPInstanceUIDs).toEqual([first.SOPInstanceUID]);
    expect(document.sopInstanceUID).not.toBe(first.SOPInstanceUID);
    expect(JSON.stringify(first)).toBe(before);
  });
});

describe('the encoder', () => {
  it('has every attribute as the dictionary of dcmjs has it', () => {
    const { nameMap } = dcmjs.data.DicomMetaDictionary;
    const theirs = Object.fromEntries(
      Object.keys(ATTRIBUTES).map((keyword) => [keyword, [Number.parseInt(nameMap[keyword].tag.replace(/[(),]/g, ''), 16), nameMap[keyword].vr === 'ox' ? 'OB' : nameMap[keyword].vr]]),
    );
    expect(ATTRIBUTES).toEqual(theirs);
  });

  it('gives the dataset that dcmjs gives', async () => {
    const dataset = await writeReport(reportCase({ numCells: 5 }), CONTEXT);
    const ours = decodeWithDcmjs(await encodeReport(dataset));
    const theirs = decodeWithDcmjs(encodeWithDcmjs(dataset));
    expect(JSON.stringify(ours)).toBe(JSON.stringify(theirs));
  });

  it('refuses an attribute it does not know instead of leaving it out', async () => {
    const dataset = await writeReport(reportCase(), CONTEXT);
    await expect(encodeReport({ ...dataset, PatientComments: 'x' })).rejects.toMatchObject({ code: 'valueDoesNotFit' });
  });

  it('stops when it is aborted', async () => {
    const dataset = await writeReport(reportCase({ numCells: 12, chromosomesPerCell: 40, progress: 'ai' }), CONTEXT);
    const controller = new AbortController();
    controller.abort();
    await expect(encodeReport(dataset, { signal: controller.signal })).rejects.toMatchObject({ name: 'AbortError' });
    await expect(writeReport(reportCase(), { ...CONTEXT, signal: controller.signal })).rejects.toMatchObject({ name: 'AbortError' });
  });
});
