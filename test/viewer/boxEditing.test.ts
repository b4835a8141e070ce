/** What a screen reader hears of an edit: the new count, or why there is none. */
import type { Chromosome } from '../../extension/src/casework/types.ts';
import { BoxEditing } from '../../extension/src/viewer/BoxEditing.ts';
import { CountStore, type CountState } from '../../extension/src/viewer/countState.ts';
import type { HostParams } from '../../extension/src/viewer/hostTypes.ts';
import { OpenCase } from '../../extension/src/viewer/OpenCase.ts';
import { ServiceContext } from '../../extension/src/viewer/serviceContext.ts';
import { reportCase } from '../report/reportCase.ts';

const caseState = reportCase({ numCells: 4 });
const [, reviewed, excluded] = caseState.cells;
const IMAGE = 'image';

/** The editing of one cell whose image is shown, with these boxes selected. */
function openEditing(cellId: string, selected: readonly Chromosome[] = []) {
  const host = { servicesManager: { services: { uiNotificationService: { show: () => '' } } } } as unknown as HostParams;
  const closed = { caseState: null, editMode: 'select', shownCellId: cellId, readerName: 'Reader^Rita', announcement: '' } as unknown as CountState;
  const context = new ServiceContext(host, '/', new CountStore(closed));
  const cell = caseState.cells.find(({ id }) => id === cellId)!;
  context.images.set([{ ...cell, imageId: IMAGE, displaySetInstanceUID: 'ds' }]);
  const selection = { getAnnotationsSelected: () => selected.map(({ id }) => id) };
  const history = { DefaultHistoryMemo: { replaceCurrentMemo: () => true } };
  context.viewer = { core: { utilities: { HistoryMemo: history } }, tools: { annotation: { selection } } } as never;
  const openCase = new OpenCase(context, { onChanged: () => {}, onStep: () => {} });
  openCase.open(caseState);
  return { boxes: new BoxEditing(context, openCase, () => undefined), openCase, store: context.store };
}

const live = (cell: typeof excluded) => cell.chromosomes.filter(({ status }) => status !== 'removed');
const centre = ({ box: [x0, y0, x1, y1] }: Chromosome): [number, number] => [(x0 + x1) / 2, (y0 + y1) / 2];
type Editing = ReturnType<typeof openEditing>;

const click = (editMode: 'add' | 'remove', point: [number, number]) => ({ boxes, store }: Editing) => {
  store.set({ editMode });
  boxes.clicked(IMAGE, point, false);
};
const GESTURES: Record<string, (editing: Editing) => void> = {
  'a click that adds a box': click('add', [1590, 1190]),
  'a click that brings a removed box back': click('add', centre(excluded.chromosomes.find(({ status }) => status === 'removed')!)),
  'a click that removes a box': click('remove', centre(live(excluded)[0])),
  'a drawn box': ({ boxes }) => boxes.toolHost().drawn(IMAGE, [10, 10, 50, 40], 'add'),
  'a rectangle around boxes to remove': ({ boxes }) => boxes.toolHost().drawn(IMAGE, [0, 0, 1600, 1200], 'remove'),
  'the key that removes the selected boxes': ({ boxes }) => boxes.removeSelected(),
  split: ({ boxes }) => boxes.splitSelected(),
  merge: ({ boxes }) => boxes.mergeSelected(),
};

test.each(Object.entries(GESTURES))('%s: where the case refuses it, the reason is what is told last', (_, gesture) => {
  const editing = openEditing(excluded.id, live(excluded).slice(0, 2));
  gesture(editing);
  expect(editing.openCase.state).toBe(caseState);
  expect(editing.store.state.announcement).toBe(`Not done: Cell ${excluded.cellNumber} is excluded: include it again before its boxes are changed.`);
});

test('where the case takes it, the new count is told', () => {
  const editing = openEditing(reviewed.id);
  editing.boxes.toolHost().drawn(IMAGE, [10, 10, 50, 40], 'add');
  expect(editing.store.state.announcement).toBe(`Cell ${reviewed.cellNumber}: ${live(reviewed).length + 1} chromosomes.`);
});
