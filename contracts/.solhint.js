// Rules of solhint that are off, and why.
module.exports = {
  extends: "solhint:recommended",
  rules: {
    // Names and types say it where words would repeat them; the interface carries the promises.
    "use-natspec": "off",
    // Indexing a field costs gas for every event; mirrors read by block, and index what they need themselves.
    "gas-indexed-events": "off",
    // A strict comparison with an off-by-one constant reads worse, and saves three gas.
    "gas-strict-inequalities": "off",
    // One field a line in the order of the signed message; the packing is in the slot types.
    "gas-struct-packing": "off",
    "gas-small-strings": "off",
    // Constructors have no visibility since 0.7.
    "func-visibility": ["warn", { ignoreConstructors: true }],
    // As in OpenZeppelin and the style of Sablier: Contract__Reason.
    "contract-name-capwords": "warn",
  },
};
