package pgproof

// Waiting is the look whose plan is looked at.
const Waiting = waiting
