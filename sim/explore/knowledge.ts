/** What one isolate has learnt of who touches what (`Sharing`), owners by name: '' for several. */
export interface Knowledge {
  readonly words: readonly (readonly [place: number, owner: string, isWritten: boolean])[];
  readonly senders: readonly (readonly [port: number, owner: string])[];
  readonly reliedOn: readonly number[];
  readonly reliedOnPort: readonly number[];
  readonly reliedOnSilence: readonly number[];
}

/** What all of them know together, and whether one relied on what another one has seen to be otherwise. */
export function together(parts: readonly Knowledge[]): Knowledge & { readonly wasWrong: boolean } {
  const words = new Map<number, readonly [string, boolean]>();
  const senders = new Map<number, string>();
  for (const part of parts) {
    for (const [place, owner, isWritten] of part.words) {
      const [other, wasWritten] = words.get(place) ?? [owner, false];
      words.set(place, [other === owner ? owner : '', wasWritten || isWritten]);
    }
    for (const [port, owner] of part.senders) {
      senders.set(port, (senders.get(port) ?? owner) === owner ? owner : '');
    }
  }
  const isShared = (place: number): boolean => {
    const [owner, isWritten] = words.get(place) ?? ['nobody', false];
    return owner === '' && isWritten;
  };
  const wasWrong = parts.some(
    ({ reliedOn, reliedOnPort, reliedOnSilence }) =>
      reliedOn.some(isShared) ||
      reliedOnPort.some((port) => senders.get(port) === '') ||
      reliedOnSilence.some((port) => senders.has(port)),
  );
  return {
    words: [...words].map(([place, [owner, isWritten]]) => [place, owner, isWritten]),
    senders: [...senders],
    reliedOn: [],
    reliedOnPort: [],
    reliedOnSilence: [],
    wasWrong,
  };
}
