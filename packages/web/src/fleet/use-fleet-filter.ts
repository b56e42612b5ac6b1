import { useNavigate, useSearch } from '@tanstack/react-router';
import { useDeferredValue, useEffect, useMemo, useRef, useState } from 'react';
import type { Device } from '@drover/contract';
import { compileFilter, filterOf, searchOf, sortFleet, type FleetFilter, type FleetView } from './filter.js';

const writeMs = 250;

/** The filter as it stands in the address, and as it is being typed: the address follows when somebody pauses. */
export const useFleetFilter = () => {
  const search = useSearch({ from: '/' });
  const navigate = useNavigate();
  const inAddress = useMemo(() => filterOf(search), [search]);
  const [filter, setFilter] = useState(inAddress);
  const [view, setView] = useState<FleetView>(search.view ?? 'table');
  const written = useRef(JSON.stringify(searchOf(filter, view)));

  useEffect(() => {
    const next = searchOf(filter, view);
    const text = JSON.stringify(next);
    if (text === written.current) return undefined;
    const timer = setTimeout(() => {
      written.current = text;
      void navigate({ to: '/', search: next, replace: true });
    }, writeMs);
    return () => {
      clearTimeout(timer);
    };
  }, [filter, view, navigate]);

  useEffect(() => {
    // Back and forward, and links to here.
    const text = JSON.stringify(searchOf(inAddress, search.view ?? 'table'));
    if (text === written.current) return;
    written.current = text;
    setFilter(inAddress);
    setView(search.view ?? 'table');
  }, [inAddress, search.view]);

  return {
    filter,
    view,
    setView,
    change: (change: Partial<FleetFilter>) => {
      setFilter((now) => ({ ...now, ...change }));
    },
  };
};

/** Boards that fit, in order. Typing is never held up by a long list. */
export const useShownDevices = (devices: readonly Device[], filter: FleetFilter): readonly Device[] => {
  const sorted = useMemo(() => sortFleet(devices), [devices]);
  const wanted = useDeferredValue(filter);
  return useMemo(() => sorted.filter(compileFilter(wanted)), [sorted, wanted]);
};
