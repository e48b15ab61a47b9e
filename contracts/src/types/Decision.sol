// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice What an engine asks to do with one subject's data. Purpose, conditions and recipient come from the study.
struct Request {
    bytes32 study;
    bytes32 engine;
    uint16 operation; // exactly one bit of the operations vocabulary
    uint32 categories; // every category the computation reads
    uint40 dataFrom; // recording window of the data asked for, [from, until)
    uint40 dataUntil;
}

/// @notice The answer. `reason` is a value of the Reason table in libraries/Reasons.sol.
struct Verdict {
    uint8 outcome; // 1 permit, 2 deny
    uint8 reason;
    bytes32 consent; // the consent that decided; zero when none did
    uint24 version;
    uint40 validUntil; // the first instant after the one asked about at which time alone could change the answer
}
