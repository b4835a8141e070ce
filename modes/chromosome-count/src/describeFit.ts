/** What the worklist knows of a study before it is opened. */
export interface StudyInWorklist {
  /** DICOM Modalities in Study, joined by a backslash. */
  modalities: string;
}

/** General Microscopy, Slide Microscopy, External-camera Photography, Other (Secondary Capture). */
const METAPHASE_MODALITIES = ['GM', 'SM', 'XC', 'OT', 'SC'];

/** @returns whether the mode fits the study and one line that says why. */
export function describeFit({ modalities }: StudyInWorklist): { valid: boolean; description: string } {
  const inStudy = (modalities ?? '').split(/[\\/]/).map(name => name.trim()).filter(Boolean);
  const fitting = inStudy.filter(name => METAPHASE_MODALITIES.includes(name));
  if (fitting.length) return { valid: true, description: `Counts the chromosomes of the metaphase images (${fitting.join(', ')})` };
  const found = inStudy.length ? `this study holds ${inStudy.join(', ')}` : 'this study names no modality';
  return {
    valid: false,
    description: `Needs microscope or secondary-capture images (${METAPHASE_MODALITIES.join(', ')}); ${found}`,
  };
}
