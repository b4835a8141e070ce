import { describeFit } from '../../modes/chromosome-count/src/describeFit.ts';

test.each(['GM', 'SM', 'XC', 'OT', 'SC', 'SR\\GM', 'GM/SR'])('a study of %s opens', modalities => {
  expect(describeFit({ modalities })).toEqual({ valid: true, description: expect.stringContaining('metaphase') });
});

test('a CT study is declined with what it holds', () => {
  const { valid, description } = describeFit({ modalities: 'CT\\SR' });
  expect(valid).toBe(false);
  expect(description).toContain('this study holds CT, SR');
  expect(description).not.toContain('\n');
});

test('a study without modalities is declined, not crashed on', () => {
  expect(describeFit({ modalities: '' }).valid).toBe(false);
  expect(describeFit({} as never).description).toContain('names no modality');
});
