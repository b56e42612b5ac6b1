import { Dialog } from '../ui/Dialog.js';
import layout from '../ui/layout.module.css';

const keys: readonly (readonly [string, string])[] = [
  ['?', 'This list'],
  ['/', 'To the search of the fleet'],
  ['↑ ↓ ← →', 'Move among boards'],
  ['Home End', 'First and last board'],
  ['Space', 'Select or unselect a board'],
  ['Ctrl A', 'Select all that are shown'],
  ['Enter', 'Open a board'],
  ['Esc', 'Close, or unselect all'],
];

export const KeyboardHelp = ({ onClose }: { readonly onClose: () => void }) => (
  <Dialog title="Keyboard" onClose={onClose}>
    <dl className={layout['facts']}>
      {keys.map(([key, text]) => (
        <div key={key} style={{ display: 'contents' }}>
          <dt>
            {key.split(' ').map((each) => (
              <span key={each}>
                <kbd>{each}</kbd>{' '}
              </span>
            ))}
          </dt>
          <dd>{text}</dd>
        </div>
      ))}
    </dl>
  </Dialog>
);
