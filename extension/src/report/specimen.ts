/** The specimen that the images show (Specimen module, PS3.3 C.7.6.22), as far as a dataset says. */
import type { Code } from './codes.ts';
import { textValue } from './modules.ts';
import type { Dataset } from './modules.ts';

export interface Specimen {
  readonly uid?: string;
  readonly identifier?: string;
  readonly containerIdentifier?: string;
  readonly type?: Code;
}

function one(value: unknown): Dataset | undefined {
  if (Array.isArray(value)) return value.length === 1 ? (value[0] as Dataset) : undefined;
  return value && typeof value === 'object' ? (value as Dataset) : undefined;
}

/** The specimen of an image (Specimen module, PS3.3 C.7.6.22), where it describes exactly one. */
export function specimenOf(dataset: Readonly<Dataset>): Specimen | undefined {
  const description = one(dataset.SpecimenDescriptionSequence);
  const containerIdentifier = textValue(dataset.ContainerIdentifier);
  if (!description && !containerIdentifier) return undefined;
  const type = one(description?.SpecimenTypeCodeSequence);
  return {
    uid: textValue(description?.SpecimenUID),
    identifier: textValue(description?.SpecimenIdentifier),
    containerIdentifier,
    type:
      type && textValue(type.CodeValue)
        ? { value: String(type.CodeValue), scheme: String(type.CodingSchemeDesignator), meaning: String(type.CodeMeaning) }
        : undefined,
  };
}
