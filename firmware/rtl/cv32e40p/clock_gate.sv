// SPDX-License-Identifier: Apache-2.0
// The core's clock gate as a wire. With the packaged simulation model, divisions of the FPU never end under Verilator;
// results and cycle counts do not depend on it, as only the counters of a sleeping core would.
module cv32e40p_clock_gate (
    input  logic clk_i,
    input  logic en_i,
    input  logic scan_cg_en_i,
    output logic clk_o
);
  assign clk_o = clk_i;
endmodule
