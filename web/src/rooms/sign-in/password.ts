export const shortestPassword = 12;

export function newPasswordProblem(password: string): string | undefined {
  return password.length >= shortestPassword ? undefined : `At least ${shortestPassword} characters`;
}
