import type { Finding, Observation } from '@drover/contract';
import { evidenceText } from './evidence.js';
import { caseOf, type Fault, type Found } from './fault.js';
import { faults } from './faults/index.js';

/** A finding is told with so many of the things it is concluded from; a hundred frames prove no more than a few. */
const mostEvidence = 6;

const findingOf = (fault: Fault, found: Found): Finding => ({
  fault: found.fault ?? fault.id,
  severity: found.severity ?? fault.severity,
  message: found.message,
  remedy: found.remedy ?? fault.remedy,
  evidence: found.from.slice(0, mostEvidence).map(evidenceText),
});

/** What is wrong, errors first, in the order of the table. Empty: nothing that was seen is wrong. Pure; throws for nothing that can be seen. */
export const diagnose = (observations: readonly Observation[]): Finding[] => {
  const it = caseOf(observations);
  const findings = faults.flatMap((fault) => fault.find(it).map((found) => findingOf(fault, found)));
  const isFirst = ({ fault, message }: Finding, index: number): boolean =>
    findings.findIndex((other) => other.fault === fault && other.message === message) === index;
  const once = findings.filter(isFirst);
  return [
    ...once.filter(({ severity }) => severity === 'error'),
    ...once.filter(({ severity }) => severity !== 'error'),
  ];
};
