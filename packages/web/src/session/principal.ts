import { roles, type Principal, type Role } from '@drover/contract';
import { createContext, useContext } from 'react';

export const PrincipalContext = createContext<Principal | null>(null);

/** Whoever is logged in. Only below the page to log in. */
export const usePrincipal = (): Principal => {
  const principal = useContext(PrincipalContext);
  if (principal === null) throw new Error('nobody is logged in');
  return principal;
};

/** Whether the key may do what asks for `least`. What it may not is not shown. */
export const mayDo = (principal: Principal, least: Role): boolean =>
  roles.indexOf(principal.role) <= roles.indexOf(least);

export const useMay = (least: Role): boolean => mayDo(usePrincipal(), least);
