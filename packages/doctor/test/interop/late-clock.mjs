// For `node --import`: a machine whose clock is an hour behind.
const hour = 3_600_000;
const now = Date.now.bind(Date);
Date.now = () => now() - hour;
