import { storeOutcome } from '../../extension/src/report/index.ts';

const UID = '1.2.3';
const json = (stored: string[], failed: [string, number | null][] = [], warning?: number) =>
  JSON.stringify({
    ...(stored.length > 0
      ? { '00081199': { vr: 'SQ', Value: stored.map((uid) => ({ '00081155': { vr: 'UI', Value: [uid] }, ...(warning ? { '00081196': { vr: 'US', Value: [warning] } } : {}) })) } }
      : {}),
    ...(failed.length > 0
      ? { '00081198': { vr: 'SQ', Value: failed.map(([uid, reason]) => ({ '00081155': { vr: 'UI', Value: [uid] }, ...(reason === null ? {} : { '00081197': { vr: 'US', Value: [reason] } }) })) } }
      : {}),
  });
const answer = (status: number, body: string | null, contentType = 'application/dicom+json') => ({ status, body, contentType });

const xml = (sequence: string, uid: string, extra = '') => `<?xml version="1.0"?><NativeDicomModel>
<DicomAttribute tag="${sequence}" vr="SQ" keyword="x"><Item number="1">
<DicomAttribute tag="00081155" vr="UI" keyword="ReferencedSOPInstanceUID"><Value number="1">${uid}</Value></DicomAttribute>${extra}
</Item></DicomAttribute></NativeDicomModel>`;

it.each([
  ['all stored', answer(200, json([UID])), 'stored', /^Stored\.$/],
  ['stored with a remark', answer(202, json([UID], [], 0xb000)), 'stored', /some values were changed on storing \(B000H\)/],
  ['an empty success', answer(200, ''), 'stored', /answered 200/],
  ['no content', answer(204, null), 'stored', /answered 204/],
  ['XML, stored', answer(200, xml('00081199', UID), 'application/dicom+xml'), 'stored', /^Stored\.$/],
  ['XML, failed', answer(409, xml('00081198', UID, '<DicomAttribute tag="00081197" vr="US"><Value number="1">290</Value></DicomAttribute>'), 'application/dicom+xml'), 'refused', /SOP class\) is not supported \(0122H\)/],
  ['failed within a 202', answer(202, json([], [[UID, 0xa700]])), 'refused', /out of resources \(A700H\)/],
  ['failed with 409', answer(409, json([], [[UID, 0xc001]])), 'refused', /cannot understand the object \(C001H\)/],
  ['a reason out of the standard', answer(409, json([], [[UID, 0x1234]])), 'refused', /not in the standard \(1234H\)/],
  ['no reason', answer(409, json([], [[UID, null]])), 'refused', /no reason given/],
  ['another object stored instead', answer(200, json(['9.9'])), 'refused', /does not say why/],
  ['a second try of what had arrived', answer(409, json([], [[UID, 0x0111]])), 'stored', /has this report already/],
  ['somebody else\'s duplicate', answer(409, json([], [['9.9', 0x0111]])), 'refused', /stored already \(0111H\)/],
  ['a plain refusal', { status: 415, statusText: 'Unsupported Media Type', body: 'no SR here' }, 'refused', /415 Unsupported Media Type: no SR here/],
  ['Orthanc\'s own words', answer(400, JSON.stringify({ Message: 'Bad request', Details: 'Cannot parse DICOM' }), 'application/json'), 'refused', /Cannot parse DICOM: Bad request/],
  ['a full disk', { status: 507, statusText: 'Insufficient Storage', body: '<html><style>x{}</style><h1>Disk full</h1></html>' }, 'refused', /507 Insufficient Storage: Disk full\./],
  ['a lost session', answer(401, ''), 'unauthorised', /Sign in again.*work is kept/],
  ['a forbidden store', answer(403, ''), 'unauthorised', /403/],
  ['a sign-in page', answer(200, '<html>Log in</html>', 'text/html; charset=utf-8'), 'unauthorised', /web page, as a lost session/],
  ['a gateway that gave up', answer(504, ''), 'timeout', /504/],
  ['no answer in time', { status: 0, timedOut: true }, 'timeout', /did not answer in time.*may still arrive/],
  ['no network', { status: 0 }, 'unreachable', /could not be reached/],
])('%s', (_, given, kind, text) => {
  const outcome = storeOutcome(given, [UID]);
  expect(outcome).toMatchObject({ kind, saved: kind === 'stored' });
  expect(outcome.text).toMatch(text);
  expect(/The case is not saved\./.test(outcome.text)).toBe(kind !== 'stored');
});

it('tells part from all and from nothing', () => {
  const two = ['1.1', '1.2'];
  expect(storeOutcome(answer(202, json(['1.1'], [['1.2', 0x0124]])), two)).toMatchObject({ kind: 'partial', saved: false, retry: true, text: expect.stringMatching(/stored 1 of 2 objects: not authorised/) });
  expect(storeOutcome(answer(200, json(two)), two).kind).toBe('stored');
  expect(storeOutcome(answer(202, json([], [['1.1', 0x0110], ['1.2', 0x0110]])), two).text).toMatch(/processing failure \(0110H\)\. The case/);
});

it('offers another try where that can help', () => {
  const retry = (status: number) => storeOutcome({ status }, [UID]).retry;
  expect([0, 401, 408, 429, 500, 503].map(retry)).toEqual([true, true, true, true, true, true]);
  expect([400, 409, 413, 415].map(retry)).toEqual([false, false, false, false]);
});

it('keeps a long answer short', () => {
  expect(storeOutcome({ status: 500, body: 'x'.repeat(5000) }, [UID]).text.length).toBeLessThan(420);
});
