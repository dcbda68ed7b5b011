/**
 * CUDA's libraries round the operands of products to 10 bits of mantissa (TF32) unless this is set
 * before they start; a value that the user has set stands.
 */
export function keepMantissas(): void {
  process.env['NVIDIA_TF32_OVERRIDE'] ??= '0';
}
