import { orthancMissing, startOrthanc } from '../support/orthanc.ts';
import { archiveRoundTrip } from './archiveRoundTrip.ts';

jest.setTimeout(600_000);

const missing = orthancMissing();
(missing ? describe.skip : describe)(missing ? `Orthanc (skipped: ${missing})` : 'Orthanc', () => archiveRoundTrip(startOrthanc));
