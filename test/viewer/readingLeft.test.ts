import { nextUndo } from '../../extension/src/casework/index.ts';
import { readingLeft, withReadingEnded } from '../../extension/src/viewer/readingLeft.ts';
import { act, checker, reviewedCase } from '../casework/sampleCase.ts';

test('a reading that was left under way is over when the case is opened: nobody signs in the name of its checker', () => {
  const left = act(reviewedCase([6, 5]), checker, { type: 'startSecondRead', mode: 'open' }, { type: 'checkCell', cellId: 'cell1' });
  const opened = withReadingEnded(left);
  expect(opened.secondRead).toMatchObject({ by: checker, endedAt: expect.any(String) });
  expect(opened.cells).toBe(left.cells);
  expect(opened.log.at(-1)).toMatchObject({ type: 'endSecondRead', by: { role: 'model' } });
  expect(nextUndo(opened, { role: 'reader' })?.type).toBe(nextUndo(left, { role: 'reader' })?.type);
  expect(() => act(opened, checker, { type: 'checkCell', cellId: 'cell2' })).toThrow('The second reading has ended');
  expect(readingLeft(left)).toContain(`The second reading of ${checker.name} had not been ended`);
});

test('a case without one stays as it is', () => {
  const reviewed = reviewedCase([6]);
  const over = act(reviewed, checker, { type: 'startSecondRead', mode: 'blind' }, { type: 'endSecondRead' });
  for (const state of [reviewed, over]) {
    expect(withReadingEnded(state)).toBe(state);
    expect(readingLeft(state)).toBeNull();
  }
});
