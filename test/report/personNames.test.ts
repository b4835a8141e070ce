import fc from 'fast-check';
import { encodeReport, readReport, reportDocument, writeReport } from '../../extension/src/report/index.ts';
import { dicomDateTime, decimalString, identifier, longText, personName, personNameText, shortText, trackingUID, uid, newUID } from '../../extension/src/report/valueRepresentation.ts';
import { decodeWithAsyncDcmjs, decodeWithDcmjs, encodeWithDcmjs } from './dicomCodec.ts';
import { child, toArray } from './contentTree.ts';
import { CONTEXT, STUDY, reportCase } from './reportCase.ts';

// Encoding and decoding through dcmjs takes seconds on a busy machine.
jest.setTimeout(120_000);

const NAMES = {
  latin: { Alphabetic: 'Müller-Lüdenscheidt^Jürgen^^Dr.' },
  cyrillic: { Alphabetic: 'Люкceмбypг^Роза' },
  japanese: { Alphabetic: 'Yamada^Tarou', Ideographic: '山田^太郎', Phonetic: 'やまだ^たろう' },
  // 𠮷 lies outside the Basic Multilingual Plane: two UTF-16 units, one character.
  rareIdeograph: { Alphabetic: 'Yoshida^Ken', Ideographic: '𠮷田^健' },
  korean: { Alphabetic: 'Hong^Gildong', Ideographic: '洪^吉洞', Phonetic: '홍^길동' },
  ideographicOnly: { Ideographic: '山田^太郎' },
};

describe('names of every character set', () => {
  it.each(Object.entries(NAMES))('%s comes back unchanged as patient, reader, checker and physician', async (_, name) => {
    const text = personNameText(name);
    const state = reportCase({ progress: 'checked', numCells: 1, reader: text, checker: `${text.split('=')[0] || 'X'}^zwei` });
    const study = { ...STUDY, PatientName: [name], ReferringPhysicianName: text };
    const dataset = await writeReport(state, { ...CONTEXT, study, observer: { name: text, organization: 'Институт 研究所 ÄÖ' } });
    for (const bytes of [await encodeReport(dataset), encodeWithDcmjs(dataset)]) {
      for (const read of [await decodeWithAsyncDcmjs(bytes), decodeWithDcmjs(bytes)]) {
        expect(personNameText(read.PatientName)).toBe(text);
        expect(personNameText(read.ReferringPhysicianName)).toBe(text);
        expect(reportDocument(read).authors).toEqual([text]);
        expect(toArray(read.AuthorObserverSequence)[0].InstitutionName).toBe('Институт 研究所 ÄÖ');
        expect(personNameText(child(read, 'Person Observer Name').PersonName)).toBe(text);
        expect((await readReport(read)).state).toEqual(state);
      }
    }
  });

  it('takes a name in each shape that a host hands over', () => {
    const { japanese } = NAMES;
    const text = 'Yamada^Tarou=山田^太郎=やまだ^たろう';
    for (const shape of [text, [text], japanese, [japanese]]) {
      expect(personName(shape)).toEqual(japanese);
      expect(personNameText(shape)).toBe(text);
    }
    for (const empty of [undefined, null, '', [], [''], {}, [{ Alphabetic: '  ' }]]) expect(personName(empty)).toBeNull();
  });
});

describe('the limits of the value representations', () => {
  it('cut a description to its characters, not its bytes or UTF-16 units', () => {
    expect(shortText('SH', '𠮷'.repeat(20))).toBe('𠮷'.repeat(16));
    expect(shortText('LO', 'ä'.repeat(80))).toBe('ä'.repeat(64));
    expect(shortText('LO', 'a\\b\u0007c')).toBe('a/b c');
    expect(longText('a\\b\r\n\tc\u001b')).toBe('a\\b\r\n\tc');
    expect([...personName(`${'山'.repeat(90)}=x`)!.Alphabetic!]).toHaveLength(64);
  });

  it('hold for any text in any place of a report', async () => {
    const words = fc.string({ unit: fc.constantFrom('a', ' ', 'ä', '山', '𠮷', '\\', '=', '^', '\n', '\u001b', '"'), minLength: 1, maxLength: 150 });
    await fc.assert(
      fc.asyncProperty(words, words, async (one, two) => {
        const state = reportCase({ numCells: 1, progress: 'ai', chromosomesPerCell: 2 });
        const study = { ...STUDY, StudyDescription: one, InstitutionName: two, PatientName: one };
        const dataset = await writeReport(state, {
          ...CONTEXT,
          study,
          observer: { name: one, organization: two },
          device: { ...CONTEXT.device, manufacturer: one, modelName: two, serialNumber: one, softwareVersion: two },
        });
        const read = decodeWithDcmjs(await encodeReport(dataset));
        for (const keyword of ['StudyDescription', 'InstitutionName', 'Manufacturer', 'ManufacturerModelName', 'DeviceSerialNumber', 'SoftwareVersions', 'SeriesDescription']) {
          const value = read[keyword];
          // One value, of at most 64 characters: a backslash would have made two.
          if (value !== undefined) expect(typeof value === 'string' || (Array.isArray(value) && value.length === 0)).toBe(true);
          expect([...String(value ?? '')].length).toBeLessThanOrEqual(64);
        }
        const name = personName(read.PatientName);
        for (const group of Object.values(name ?? {})) expect([...group].length).toBeLessThanOrEqual(64);
        expect((await readReport(read)).state).toEqual(state);
      }),
      { numRuns: 30 },
    );
  });

  it('refuse to shorten an identifier', () => {
    expect(identifier('LO', 'PatientID', 'ä'.repeat(64))).toBe('ä'.repeat(64));
    expect(() => identifier('SH', 'AccessionNumber', 'x'.repeat(17))).toThrow(/AccessionNumber must have at most 16 characters.*got 17/);
    expect(() => identifier('LO', 'PatientID', 'a\\b')).toThrow(/no backslash/);
    expect(() => uid('Study Instance UID', '1.02.3')).toThrow(/must be a UID or a UUID, got "1.02.3"/);
    expect(() => uid('Study Instance UID', `1.${'2'.repeat(63)}`)).toThrow(/must be a UID/);
  });

  it('turn a UUID into its UID (PS3.5 B.2) and any other id into one of its own', () => {
    // The example of PS3.5 Annex B.2 and of ITU-T X.667.
    expect(uid('x', 'f81d4fae-7dec-11d0-a765-00a0c91e6bf6')).toBe('2.25.329800735698586629295641978511506172918');
    const ids = ['cell/1', 'cell/2', 'image:3#frame=4', '山', '1.2.840.1', 'f81d4fae-7dec-11d0-a765-00a0c91e6bf6'];
    const uids = ids.map(trackingUID);
    expect(new Set(uids).size).toBe(ids.length);
    expect(uids[4]).toBe('1.2.840.1');
    for (const each of uids) expect(each).toMatch(/^(?=.{3,64}$)[0-2](\.(0|[1-9]\d*))+$/);
    expect(trackingUID('cell/1')).toBe(uids[0]);
  });

  it('make new UIDs valid and different', () => {
    const uids = Array.from({ length: 200 }, newUID);
    expect(new Set(uids).size).toBe(200);
    for (const each of uids) expect(each).toMatch(/^2\.25\.[1-9]\d{30,38}$/);
  });

  it('write any finite number in 16 characters, whole numbers exactly', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        const text = decimalString(value);
        expect(text.length).toBeLessThanOrEqual(16);
        if (Math.abs(value) > 1e-300 && Math.abs(value) < 1e300) expect(Math.abs(Number(text) - value)).toBeLessThanOrEqual(Math.abs(value) * 1e-8);
      }),
      { seed: 20261123, numRuns: 2000, examples: [[1e16], [-1e17], [2 ** 60], [1e-7]] },
    );
    expect(decimalString(46)).toBe('46');
    expect(() => decimalString(Number.NaN)).toThrow(/finite/);
  });

  it('write an instant as local date and time', () => {
    const at = new Date(2026, 10, 23, 14, 5, 6, 7);
    expect(dicomDateTime(at.toISOString(), at)).toBe('20261123140506.007000');
    expect(dicomDateTime('yesterday', at)).toBeUndefined();
  });
});
