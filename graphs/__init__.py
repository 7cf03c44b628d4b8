"""How work moves: the mission graph, the operator loop, the dispatcher and the office that wires them."""
