/**
 * The traps of the readers that open a stored report without this plugin, each from their sources (OHIF 3.13
 * extensions/cornerstone-dicom-sr, @cornerstonejs/adapters 5.6): one broken rule loses the whole report, or its boxes.
 */
import { encodeReport, writeReport } from '../../extension/src/report/index.ts';
import { decodeWithDcmjs } from './dicomCodec.ts';
import { child, childrenOf, everyItem, groupsOf, measurementGroups, toArray } from './contentTree.ts';
import type { Item } from './contentTree.ts';
import { CONTEXT, reportCase } from './reportCase.ts';

// Encoding and decoding through dcmjs takes seconds on a busy machine.
jest.setTimeout(120_000);

const state = reportCase({ numCells: 5, seed: 11 });
let report: Item;
beforeAll(async () => {
  report = decodeWithDcmjs(await encodeReport(await writeReport(state, CONTEXT)));
});

const ofType = (group: Item, valueType: string) => toArray(group.ContentSequence).filter((item) => item.ValueType === valueType);

it('1. has an image library with every image, and both tracking items in every group', () => {
  const entries = toArray(child(child(report, 'Image Library'), 'Image Library Group').ContentSequence);
  expect(entries.map((entry) => toArray(entry.ReferencedSOPSequence)[0].ReferencedSOPInstanceUID)).toEqual(
    state.cells.map(({ imageRef }) => imageRef.sopInstanceUID),
  );
  expect(entries.every((entry) => toArray(child(entry, 'Modality').ConceptCodeSequence)[0].CodeValue === 'GM')).toBe(true);
  const groups = measurementGroups(report);
  expect(groups.length).toBe(5 + state.cells.flatMap(({ chromosomes }) => chromosomes.filter(({ status }) => status !== 'removed')).length);
  for (const group of groups) {
    expect(child(group, 'Tracking Identifier').TextValue).toMatch(/\S/);
    expect(child(group, 'Tracking Unique Identifier').UID).toMatch(/^[0-9.]{5,64}$/);
    // OHIF takes the first UIDREF of a group for its tracking UID.
    expect(ofType(group, 'UIDREF')).toHaveLength(1);
  }
  const trackingUIDs = groups.map((group) => child(group, 'Tracking Unique Identifier').UID);
  expect(new Set(trackingUIDs).size).toBe(groups.length);
});

it('names the concept of every item that OHIF compares: all but images', () => {
  for (const item of everyItem(report)) {
    if (item.ValueType !== 'IMAGE') expect(toArray(item.ConceptNameCodeSequence)[0].CodeValue).toBeTruthy();
  }
});

it('2. has no group without a region of its own', () => {
  for (const group of measurementGroups(report)) expect(ofType(group, 'SCOORD')).toHaveLength(1);
});

it('3. has no NUM in a chromosome, and in a cell one without children, so that only chromosomes become boxes', () => {
  const chromosomes = groupsOf(report, 'Chromosome');
  const cells = groupsOf(report, 'Cell');
  expect(cells).toHaveLength(5);
  expect(chromosomes.length).toBeGreaterThan(15);
  for (const group of chromosomes) expect(ofType(group, 'NUM')).toEqual([]);
  for (const group of cells) {
    const numbers = ofType(group, 'NUM');
    expect(numbers.length).toBeGreaterThanOrEqual(1);
    for (const number of numbers) {
      expect(number.ContentSequence).toBeUndefined();
      // An empty measured value makes OHIF's label code throw.
      expect(Number(toArray(number.MeasuredValueSequence)[0].NumericValue)).toBeGreaterThanOrEqual(0);
      expect(toArray(toArray(number.MeasuredValueSequence)[0].MeasurementUnitsCodeSequence)[0].CodeValue).toBe('{chromosomes}');
    }
  }
});

it('calls the boxes of a cell a count only where the cell counts', () => {
  const firstNumber = groupsOf(report, 'Cell').map((group) => toArray(ofType(group, 'NUM')[0].ConceptNameCodeSequence)[0].CodeMeaning);
  expect(firstNumber).toEqual(
    state.cells.map((cell) => (cell.state === 'excluded' || cell.state === 'notCounted' ? 'Chromosomes marked' : 'Chromosome count')),
  );
});

it('4. spells the four meanings as cornerstone3D compares them and writes corners in its order', () => {
  for (const meaning of ['Imaging Measurements', 'Image Library']) expect(childrenOf(report, meaning)).toHaveLength(1);
  const stored = state.cells.flatMap(({ chromosomes }) => chromosomes.filter(({ status }) => status !== 'removed'));
  groupsOf(report, 'Chromosome').forEach((group, index) => {
    expect(child(group, 'Tracking Identifier').TextValue).toMatch(/^Cornerstone3DTools@\^0\.1\.0:RectangleROI:Chromosome:\d+-\d+$/);
    const { GraphicData, GraphicType } = ofType(group, 'SCOORD')[0];
    const [x0, y0, x1, y1] = stored[index].box.map(Math.fround);
    expect(GraphicType).toBe('POLYLINE');
    expect(Array.from(GraphicData as number[])).toEqual([x0, y0, x1, y0, x1, y1, x0, y1, x0, y0]);
  });
});

it('5. writes pixel-edge coordinates as they are: (0, 0) is the corner of the first pixel in both', () => {
  const uncounted = groupsOf(report, 'Cell')[4];
  expect(state.cells[4].state).toBe('notCounted');
  expect(Array.from(ofType(uncounted, 'SCOORD')[0].GraphicData as number[])).toEqual([0, 0, 1600, 0, 1600, 1200, 0, 1200, 0, 0]);
});

it('6. codes the finding and writes no finding site', () => {
  for (const item of everyItem(report)) {
    expect(['363698007', 'G-C0E3']).not.toContain(toArray(item.ConceptNameCodeSequence)[0]?.CodeValue);
  }
});

it('gives every box a label that says its place, type hint and score', () => {
  const labels = groupsOf(report, 'Chromosome').map((group) => child(group, 'Comment').TextValue);
  expect(labels.filter((label) => /^ch \d+ A1\? p=0\.\d\d$/.test(label)).length).toBeGreaterThan(5);
  expect(labels).toContain('ch 6');
});

it('7. says research, and who observed, on purpose', () => {
  expect(report.ContentQualification).toBe('RESEARCH');
  expect(childrenOf(report, 'Person Observer Name').map(({ PersonName }) => toArray(PersonName)[0].Alphabetic)).toEqual(['Reader^Rita']);
  expect(child(report, 'Device Observer UID').UID).toBe('2.25.314159265358979');
  expect(JSON.stringify(report)).not.toContain('unknown^unknown');
});

it('8. names the frame in every reference to a multi-frame image, and none to a single-frame one', async () => {
  const references = (dataset: Item) =>
    measurementGroups(dataset).map((group) => toArray(toArray(ofType(group, 'SCOORD')[0].ContentSequence)[0].ReferencedSOPSequence)[0]);
  expect(references(report).every(({ ReferencedFrameNumber }) => ReferencedFrameNumber === undefined)).toBe(true);
  const frames = reportCase({ numCells: 4, multiFrame: true, progress: 'ai', chromosomesPerCell: 3 });
  const multiFrame = decodeWithDcmjs(await encodeReport(await writeReport(frames, CONTEXT)));
  expect(references(multiFrame).map(({ ReferencedFrameNumber }) => Number(ReferencedFrameNumber))).toEqual([
    1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4,
  ]);
  expect(toArray(child(child(multiFrame, 'Image Library'), 'Image Library Group').ContentSequence)).toHaveLength(1);
});

it('9. keeps every rectangle: as many groups as live boxes, none on a removed one', () => {
  const removed = state.cells.flatMap(({ chromosomes }) => chromosomes.filter(({ status }) => status === 'removed'));
  expect(removed.length).toBeGreaterThan(2);
  const text = JSON.stringify(measurementGroups(report));
  for (const { id } of removed) expect(text).not.toContain(id);
});
