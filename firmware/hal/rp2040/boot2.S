// SPDX-License-Identifier: Apache-2.0
// Second boot stage of the RP2040: 252 bytes that the ROM copies to SRAM and runs, and their checksum. It sets
// the flash (W25Q16JV) to quad reads that are addressed without a command, then enters the firmware behind it.
// Source: RP2040 Datasheet 2.8.1.3 (second stage), 4.10.13 (SSI registers); W25Q16JV datasheet 8.1.2, 8.2.
// A test computes the checksum again.
#define SSI_BASE 0x18000000
#define SSI_CTRLR0 0x00
#define SSI_CTRLR1 0x04
#define SSI_SSIENR 0x08
#define SSI_BAUDR 0x14
#define SSI_SR 0x28
#define SSI_DR0 0x60
#define SSI_RX_SAMPLE_DELAY 0xF0
#define SSI_SPI_CTRLR0 0xF4
#define PADS_QSPI_BASE 0x40020000
#define SR_BUSY 1
#define SR_TRANSMIT_EMPTY 4

// Single line, 8 bits to and fro; quad lines, 32 bits to be received.
#define CTRLR0_BYTES (7 << 16)
#define CTRLR0_QUAD_READ ((2 << 21) | (31 << 16) | (3 << 8))
// 24 address bits and 8 mode bits make 8 quad clocks, then 4 to wait. The command alone on a single line (trans
// type 1), or no command and everything on four (2), with the mode bits that keep the flash in this state.
#define ADDRESS_AND_WAIT ((8 << 2) | (4 << 11))
#define SPI_FIRST (ADDRESS_AND_WAIT | (2 << 8) | 1)
#define SPI_CONTINUOUS (ADDRESS_AND_WAIT | (MODE_CONTINUOUS << 24) | 2)
#define MODE_CONTINUOUS 0xA0
#define READ_QUAD_IO 0xEB
#define WRITE_ENABLE 0x06
#define WRITE_STATUS 0x01
#define READ_STATUS_1 0x05
#define READ_STATUS_2 0x35
#define STATUS_2_QUAD_ENABLE 0x02
#define FLASH_CLOCK_DIVIDER 2
#define FIRMWARE 0x10000100
#define VTOR 0xE000ED08

  .syntax unified
  .cpu cortex-m0plus
  .thumb
  .section .boot2, "ax", %progbits
  .balign 4
  .globl itr_boot2
  .type itr_boot2, %function
  .thumb_func
itr_boot2:
  ldr r3, =SSI_BASE
  // Fast clock pad (8 mA, fast slew); no hysteresis on the data pads, for less delay.
  ldr r0, =PADS_QSPI_BASE
  movs r1, #0x21
  str r1, [r0, #4]
  ldr r1, [r0, #8]
  movs r2, #2
  bics r1, r2
  str r1, [r0, #8]
  str r1, [r0, #12]
  str r1, [r0, #16]
  str r1, [r0, #20]

  movs r1, #0
  str r1, [r3, #SSI_SSIENR]
  movs r1, #FLASH_CLOCK_DIVIDER
  str r1, [r3, #SSI_BAUDR]
  movs r1, #1
  movs r2, #SSI_RX_SAMPLE_DELAY
  str r1, [r3, r2]

  // The flash must have its quad-enable bit set: once in its life.
  ldr r1, =CTRLR0_BYTES
  str r1, [r3, #SSI_CTRLR0]
  movs r1, #1
  str r1, [r3, #SSI_SSIENR]
  movs r0, #READ_STATUS_2
  bl read_status
  movs r2, #STATUS_2_QUAD_ENABLE
  tst r0, r2
  bne quad_enabled
  movs r1, #WRITE_ENABLE
  str r1, [r3, #SSI_DR0]
  bl wait_idle
  ldr r1, [r3, #SSI_DR0]
  movs r1, #WRITE_STATUS
  str r1, [r3, #SSI_DR0]
  movs r1, #0
  str r1, [r3, #SSI_DR0]
  str r2, [r3, #SSI_DR0]
  bl wait_idle
  ldr r1, [r3, #SSI_DR0]
  ldr r1, [r3, #SSI_DR0]
  ldr r1, [r3, #SSI_DR0]
1:
  movs r0, #READ_STATUS_1
  bl read_status
  movs r1, #1
  tst r0, r1
  bne 1b
quad_enabled:

  // One read with the command puts the flash into continuous mode.
  movs r1, #0
  str r1, [r3, #SSI_SSIENR]
  ldr r1, =CTRLR0_QUAD_READ
  str r1, [r3, #SSI_CTRLR0]
  movs r1, #0
  str r1, [r3, #SSI_CTRLR1]
  movs r4, #SSI_SPI_CTRLR0
  ldr r1, =SPI_FIRST
  str r1, [r3, r4]
  movs r1, #1
  str r1, [r3, #SSI_SSIENR]
  movs r1, #READ_QUAD_IO
  str r1, [r3, #SSI_DR0]
  movs r1, #MODE_CONTINUOUS
  str r1, [r3, #SSI_DR0]
  bl wait_idle

  // From now on every access to the flash window becomes such a read.
  movs r1, #0
  str r1, [r3, #SSI_SSIENR]
  ldr r1, =SPI_CONTINUOUS
  str r1, [r3, r4]
  movs r1, #1
  str r1, [r3, #SSI_SSIENR]

  ldr r0, =FIRMWARE
  ldr r1, =VTOR
  str r0, [r1]
  ldmia r0, {r0, r1}
  msr msp, r0
  bx r1

wait_idle:
  ldr r1, [r3, #SSI_SR]
  movs r0, #SR_TRANSMIT_EMPTY
  tst r1, r0
  beq wait_idle
  movs r0, #SR_BUSY
  tst r1, r0
  bne wait_idle
  bx lr

// Command in r0; the register's value in r0.
read_status:
  mov r5, lr
  str r0, [r3, #SSI_DR0]
  str r0, [r3, #SSI_DR0]
  bl wait_idle
  ldr r0, [r3, #SSI_DR0]
  ldr r0, [r3, #SSI_DR0]
  bx r5

  .ltorg
  .org 252
  .word ITR_BOOT2_CHECKSUM
  .size itr_boot2, . - itr_boot2

  .section .note.GNU-stack, "", %progbits
