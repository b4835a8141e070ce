/** Who and what a case is about, as the top of a print-out and the first columns of a table show it. */
import { specimenOf } from './specimen.ts';
import { personNameText } from './valueRepresentation.ts';
import type { Dataset } from './modules.ts';

export interface CaseHeader {
  /** "Alphabetic=Ideographic=Phonetic", as far as known. */
  readonly patientName: string;
  readonly patientID: string;
  /** ISO 8601 date, or as stored when it is none. */
  readonly patientBirthDate: string;
  readonly patientSex: string;
  readonly accessionNumber: string;
  readonly studyDate: string;
  readonly studyDescription: string;
  readonly institution: string;
  /** All that the images name, separated by commas. */
  readonly specimenIdentifier: string;
  readonly containerIdentifier: string;
}

const text = (value: unknown): string => (value === undefined || value === null || typeof value === 'object' ? '' : String(value));

function isoDate(value: unknown): string {
  const date = text(value);
  return /^\d{8}$/.test(date) ? `${date.slice(0, 4)}-${date.slice(4, 6)}-${date.slice(6)}` : date;
}

const listed = (values: readonly (string | undefined)[]): string => [...new Set(values.filter(Boolean))].join(', ');

/**
 * The header of a study; what is not there is an empty string.
 * @param study Naturalised attributes of any of its images.
 * @param images Those of all images, for their specimens; default `study` alone.
 */
export function caseHeader(study: Readonly<Dataset>, images: readonly Readonly<Dataset>[] = [study]): CaseHeader {
  const specimens = images.map(specimenOf);
  return {
    patientName: personNameText(study.PatientName),
    patientID: text(study.PatientID),
    patientBirthDate: isoDate(study.PatientBirthDate),
    patientSex: text(study.PatientSex),
    accessionNumber: text(study.AccessionNumber),
    studyDate: isoDate(study.StudyDate),
    studyDescription: text(study.StudyDescription),
    institution: text(study.InstitutionName),
    specimenIdentifier: listed(specimens.map(specimen => specimen?.identifier)),
    containerIdentifier: listed(specimens.map(specimen => specimen?.containerIdentifier)),
  };
}
