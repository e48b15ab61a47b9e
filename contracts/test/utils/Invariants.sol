// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice Tells forge which functions of which contract an invariant suite may call.
abstract contract Invariants {
    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    address internal handler;

    function selectors() internal pure virtual returns (bytes4[] memory);

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = handler;
    }

    function targetSelectors() external view returns (FuzzSelector[] memory targets) {
        targets = new FuzzSelector[](1);
        targets[0] = FuzzSelector(handler, selectors());
    }
}
