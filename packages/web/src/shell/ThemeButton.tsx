import { Menu } from '../ui/Menu.js';
import { setTheme, themes, useTheme } from './theme.js';

const names = { auto: 'As the system', light: 'Light', dark: 'Dark' } as const;

export const ThemeButton = () => {
  const theme = useTheme();
  return (
    <Menu
      label="Light or dark"
      icon="sun"
      items={themes.map((each) => ({
        label: `${each === theme ? '✓ ' : ''}${names[each]}`,
        onSelect: () => {
          setTheme(each);
        },
      }))}
    />
  );
};
