// SPDX-License-Identifier: Apache-2.0
// A microcontroller around CV32E40P: flash and RAM without wait states on separate instruction and data ports, and a
// host port that moves blocks between memory and the link in no time. An access outside the memories, or a store to
// flash, is not carried out and raises an interrupt.
module board #(
    parameter int COREV_PULP = 0,
    parameter int FPU = 0,
    parameter int ZFINX = 0
) (
    input  logic        clk_i,
    input  logic        rst_ni,
    output logic        host_command_o,
    output logic [31:0] host_code_o,
    output logic [31:0] host_address_o,
    output logic [31:0] host_length_o,
    input  logic [31:0] host_result_i
);
  localparam logic [31:0] RESET_ADDRESS = 32'h8000_0000;
  localparam int MEMORY_WORDS = 1 << 22;  // 8 MB flash, 8 MB RAM
  localparam int FAULT_INTERRUPT = 16;

  logic fetch_request, fetch_valid, data_request, data_valid, data_write;
  logic [31:0] fetch_address, fetch_word, data_address, data_in, data_out;
  logic [3:0] data_lanes;
  logic fault;

  cv32e40p_top #(
      .COREV_PULP(COREV_PULP),
      .COREV_CLUSTER(0),
      .FPU(FPU),
      .FPU_ADDMUL_LAT(0),
      .FPU_OTHERS_LAT(0),
      .ZFINX(ZFINX),
      .NUM_MHPMCOUNTERS(1)
  ) cpu (
      .clk_i,
      .rst_ni,
      .pulp_clock_en_i(1'b1),
      .scan_cg_en_i(1'b0),
      .boot_addr_i(RESET_ADDRESS),
      .mtvec_addr_i(RESET_ADDRESS),
      .dm_halt_addr_i(32'h0),
      .hart_id_i(32'h0),
      .dm_exception_addr_i(32'h0),
      .instr_req_o(fetch_request),
      .instr_gnt_i(1'b1),
      .instr_rvalid_i(fetch_valid),
      .instr_addr_o(fetch_address),
      .instr_rdata_i(fetch_word),
      .data_req_o(data_request),
      .data_gnt_i(1'b1),
      .data_rvalid_i(data_valid),
      .data_we_o(data_write),
      .data_be_o(data_lanes),
      .data_addr_o(data_address),
      .data_wdata_o(data_out),
      .data_rdata_i(data_in),
      .irq_i(32'(fault) << FAULT_INTERRUPT),
      .irq_ack_o(),
      .irq_id_o(),
      .debug_req_i(1'b0),
      .debug_havereset_o(),
      .debug_running_o(),
      .debug_halted_o(),
      .fetch_enable_i(1'b1),
      .core_sleep_o()
  );

  logic [31:0] memory[0:MEMORY_WORDS-1]  /* verilator public_flat_rw */;

  wire fetch_in_memory = fetch_address[31:24] == 8'h80;
  wire data_in_memory = data_address[31:24] == 8'h80;
  wire data_in_ram = data_in_memory && data_address[23];
  wire data_in_host = data_address[31:4] == 28'h1000_000;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      fetch_valid <= 1'b0;
      data_valid <= 1'b0;
      host_command_o <= 1'b0;
      fault <= 1'b0;
    end else begin
      fetch_valid <= fetch_request;
      // Nothing but zeros lies outside, which is an illegal instruction.
      if (fetch_request) fetch_word <= fetch_in_memory ? memory[fetch_address[23:2]] : '0;
      data_valid <= data_request;
      host_command_o <= 1'b0;
      if (data_request) begin
        if (!(data_write ? data_in_ram : data_in_memory) && !data_in_host) fault <= 1'b1;
        if (!data_write) data_in <= data_in_host ? host_result_i : data_in_memory ? memory[data_address[23:2]] : '0;
        if (data_write && data_in_ram) begin
          for (int lane = 0; lane < 4; lane++)
            if (data_lanes[lane]) memory[data_address[23:2]][8*lane+:8] <= data_out[8*lane+:8];
        end
        if (data_write && data_in_host) begin
          case (data_address[3:2])
            2'd0: host_address_o <= data_out;
            2'd1: host_length_o <= data_out;
            default: begin
              host_code_o <= data_out;
              host_command_o <= 1'b1;
            end
          endcase
        end
      end
    end
  end
endmodule
