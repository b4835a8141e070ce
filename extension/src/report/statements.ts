/** Sentences that every output of a count carries. */

export const RESEARCH_USE = 'For Research Use Only. Not for use in diagnostic procedures.';

/** A count distribution must not be read as a karyotype. */
export const NOT_A_KARYOTYPE = 'A distribution of counts, not an ISCN karyotype.';
