/**
 * ECharts as one file. Its package has types for the modular build only, whose hundreds of files
 * take Node most of a second to load; the bundle takes a tenth of that.
 */
declare module 'echarts/dist/echarts.esm.min' {
  export { init, setPlatformAPI } from 'echarts';
}
