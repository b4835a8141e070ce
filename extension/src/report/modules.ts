/** Modules that every object of ours has: patient, study, equipment (PS3.3 C.7.1, C.7.2, C.7.5). */
import { identifier, personName, shortText, uid } from './valueRepresentation.ts';

/**
 * Manufacturer of what the viewer's plugin stores. A picture of a cell with its boxes is told by it from the cells of the
 * study.
 */
export const PLUGIN_MANUFACTURER = 'Chromosome count';

/** A naturalised dataset: keyword → value. */
export type Dataset = Record<string, unknown>;

export interface ObserverDevice {
  /** UID of this installation, stable over its life. */
  readonly uid: string;
  readonly name?: string;
  readonly manufacturer: string;
  readonly modelName: string;
  readonly serialNumber: string;
  readonly softwareVersion: string;
}

/** A single value as text; undefined where there is none. */
export const textValue = (value: unknown): string | undefined =>
  value === undefined || value === null || String(value) === '' ? undefined : String(value);

/** Patient and General Study modules, copied; type 2 attributes are present even when empty. */
export function patientAndStudy(study: Readonly<Dataset>, studyInstanceUID: string): Dataset {
  const attributes: Dataset = { StudyInstanceUID: uid('Study Instance UID', studyInstanceUID) };
  for (const keyword of ['PatientName', 'ReferringPhysicianName']) {
    const name = personName(study[keyword]);
    attributes[keyword] = name ? [name] : '';
  }
  for (const [keyword, vr] of [['PatientID', 'LO'], ['IssuerOfPatientID', 'LO'], ['AccessionNumber', 'SH'], ['StudyID', 'SH']] as const) {
    const value = textValue(study[keyword]);
    if (value !== undefined) attributes[keyword] = identifier(vr, keyword, value);
    else if (keyword !== 'IssuerOfPatientID') attributes[keyword] = '';
  }
  for (const keyword of ['PatientBirthDate', 'PatientSex', 'StudyDate', 'StudyTime']) attributes[keyword] = textValue(study[keyword]) ?? '';
  const description = textValue(study.StudyDescription);
  if (description) attributes.StudyDescription = shortText('LO', description);
  return attributes;
}

/** General and Enhanced General Equipment modules. */
export function equipment(device: ObserverDevice, study: Readonly<Dataset>): Dataset {
  const institution = textValue(study.InstitutionName);
  return {
    Manufacturer: shortText('LO', device.manufacturer),
    ManufacturerModelName: shortText('LO', device.modelName),
    DeviceSerialNumber: shortText('LO', device.serialNumber),
    SoftwareVersions: shortText('LO', device.softwareVersion),
    ...(institution ? { InstitutionName: shortText('LO', institution) } : {}),
  };
}
