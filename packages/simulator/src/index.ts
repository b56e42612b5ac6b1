export * from './types.js';
export { createClock, type Clock, type Timer } from './clock.js';
export { createRandom, seedOf, type Random } from './random.js';
export { boardTypeOf, isModelName, modelNames, models, type BoardModel, type ModelName } from './models.js';
export {
  chooseFromCard,
  type CardBoot,
  type CardChoice,
  type CardStop,
  type CardSystem,
  type ChosenFile,
} from './card-choice.js';
export { bytesInMemory, openDiskFile, type DiskBytes } from './disk-bytes.js';
export { createIdentity, randomIdentity, type BoardIdentity, type IdentityOptions } from './identity.js';
export { createBoard } from './board.js';
export {
  emulatedPi,
  type EmulatedPi,
  type EmulatedPiEnd,
  type EmulatedPiOptions,
  type EmulatedPiResult,
} from './emulated-pi.js';
export {
  fleetBoards,
  runFleet,
  summarize,
  type FleetBoardResult,
  type FleetNetwork,
  type FleetOptions,
  type FleetSummary,
} from './fleet.js';
export {
  joinInitramfs,
  qemuCommand,
  unpackKernel,
  writeHandoff,
  type GuestNetwork,
  type HandoffFiles,
  type Machine,
  type QemuOptions,
} from './handoff.js';
export { boardText, stepText, summaryText } from './narration.js';
export { noOsStage, type OsBoard, type OsOutcome, type OsStage } from './os-stage.js';
export { percentilesOf, type Percentiles } from './percentiles.js';
export { powerCycle, type PowerCycleOptions, type PowerCycleResult } from './power-cycle.js';
export { defaultEeprom, defaultQuirks, eepromWith } from './settings.js';
export { createRuntimeStage, playedSteps, type PlayedStep, type RuntimeFaults } from './runtime-stage.js';
export { runQemu, type QemuExit, type QemuRun } from './qemu.js';
export { httpGet, type HttpFetch } from './http-client.js';
export { createSink, type ByteSink } from './byte-sink.js';
export { clientGuid, discoverPacket, type DhcpIdentity } from './dhcp-packets.js';
export { judgeOffer, type OfferJudgement } from './dhcp-offers.js';
export { addressOption, readReply, type DhcpReply } from './dhcp-replies.js';
export { tftpRead, type TftpManners, type TftpRequest, type TftpResult } from './tftp-client.js';
