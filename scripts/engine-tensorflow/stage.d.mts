// Types of stage.mjs for the TypeScript tests that import it.

export function openStage(packageFolder: string): Promise<{ folder: string; close: () => Promise<void> }>;
export function swapIn(stageFolder: string, packageFolder: string): Promise<() => Promise<void>>;
