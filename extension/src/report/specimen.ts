/** The specimens that the images show (Specimen module, PS3.3 C.7.6.22), as far as their datasets say. */
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

/** The specimen of an image, where it describes exactly one; of several in one container only the container is known. */
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

export interface StudySpecimens {
  /** The one specimen that every image shows; its container only where it is one too. Absent where there are several. */
  readonly subject?: Specimen;
  /** Specimen by SOP Instance UID of the image. */
  readonly byImage: ReadonlyMap<string, Specimen>;
}

/** The only value of a list, where all are equal. */
const agreed = <T>(values: readonly T[]): T | undefined => (values.every(value => value === values[0]) ? values[0] : undefined);

/** @param images Naturalised attributes of the images of a study. */
export function studySpecimens(images: readonly Readonly<Dataset>[]): StudySpecimens {
  const specimens = images.map(image => ({ image: textValue(image.SOPInstanceUID) ?? '', specimen: specimenOf(image) }));
  const byImage = new Map(specimens.flatMap(({ image, specimen }) => (specimen ? [[image, specimen] as const] : [])));
  const uid = agreed(specimens.map(({ specimen }) => specimen?.uid));
  if (uid === undefined) return { byImage };
  const containerIdentifier = agreed(specimens.map(({ specimen }) => specimen?.containerIdentifier));
  return { subject: { ...specimens[0].specimen, containerIdentifier }, byImage };
}
