// SPDX-License-Identifier: Apache-2.0
// STM32 pins since the F2. Source: RM0390 7.4 (GPIO: MODER, OSPEEDR, AFRL, AFRH), RM0433 11.4; the
// same registers in RM0385 and RM0486.
#ifndef INTARSIA_HAL_STM32_GPIO_H
#define INTARSIA_HAL_STM32_GPIO_H

#include "register.h"

// Gives a pin to a peripheral: alternate function, high speed, pulled up (an open receive line
// stays idle).
static inline void itr_pin_alternate(uint32_t port, uint32_t pin, uint32_t function) {
  enum {
    MODER = 0x00,
    OSPEEDR = 0x08,
    PUPDR = 0x0C,
    AFRL = 0x20,
    ALTERNATE = 2,
    HIGH = 2,
    PULL_UP = 1
  };
  const uint32_t pair = 2 * pin, nibble = 4 * (pin % 8);
  itr_change(&ITR_REGISTER(port + OSPEEDR), 3u << pair, (uint32_t)HIGH << pair);
  itr_change(&ITR_REGISTER(port + PUPDR), 3u << pair, (uint32_t)PULL_UP << pair);
  itr_change(&ITR_REGISTER(port + AFRL + 4 * (pin / 8)), 15u << nibble, function << nibble);
  itr_change(&ITR_REGISTER(port + MODER), 3u << pair, (uint32_t)ALTERNATE << pair);
}

#endif
