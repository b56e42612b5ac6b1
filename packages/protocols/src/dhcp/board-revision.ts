/**
 * Raspberry Pi board revision codes, new style (bit 23 set): Raspberry Pi documentation, "Raspberry Pi revision codes".
 * Layout: ... 23 new flag, 22-20 memory, 19-16 manufacturer, 15-12 processor, 11-4 type, 3-0 revision.
 */

/** Short names, those of the config.txt filters where there is one. */
export type PiModel =
  | 'pi0'
  | 'pi0w'
  | 'pi02w'
  | 'pi1'
  | 'cm1'
  | 'pi2'
  | 'pi3'
  | 'pi3+'
  | 'cm3'
  | 'cm3+'
  | 'pi4'
  | 'pi400'
  | 'cm4'
  | 'cm4s'
  | 'pi5'
  | 'pi500'
  | 'cm5';

export interface BoardRevision {
  /** Undefined for a type newer than this table. */
  readonly model: PiModel | undefined;
  /** Memory in MiB. */
  readonly memoryMiB: number | undefined;
  /** `1.4` for PCB revision 4. */
  readonly pcb: string;
}

const models: Readonly<Record<number, PiModel>> = {
  0x00: 'pi1',
  0x01: 'pi1',
  0x02: 'pi1',
  0x03: 'pi1',
  0x04: 'pi2',
  0x06: 'cm1',
  0x08: 'pi3',
  0x09: 'pi0',
  0x0a: 'cm3',
  0x0c: 'pi0w',
  0x0d: 'pi3+',
  0x0e: 'pi3+',
  0x10: 'cm3+',
  0x11: 'pi4',
  0x12: 'pi02w',
  0x13: 'pi400',
  0x14: 'cm4',
  0x15: 'cm4s',
  0x17: 'pi5',
  0x18: 'cm5',
  0x19: 'pi500',
  0x1a: 'cm5',
};

const newStyle = 1 << 23;
const largestMemoryCode = 6;

/** Undefined for old-style codes (boards of 2012 to 2014, none of which boots from a network by itself). */
export function decodeBoardRevision(code: number): BoardRevision | undefined {
  if ((code & newStyle) === 0) return undefined;
  const memory = (code >>> 20) & 7;
  return {
    model: models[(code >>> 4) & 0xff],
    memoryMiB: memory <= largestMemoryCode ? 256 << memory : undefined,
    pcb: `1.${code & 0xf}`,
  };
}
